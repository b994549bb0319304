import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Checked } from '../../src/check.ts';
import type { Inspection } from '../../src/inspect.ts';
import type { Report } from '../../src/report.ts';
import { openStore } from '../../store/index.ts';
import {
  findJail,
  type Jail,
  outcomeInBareFolder,
  writeBareFolder,
} from '../support/apps/bare-folder.ts';
import { bootOutcome } from '../support/apps/boot.ts';
import { debianBase } from '../support/apps/debian-base.ts';
import { fixtureApp, fixtureApps } from '../support/apps/fixture-apps.ts';
import { bareBase, type HostApp, imageOf, runtimeLayer } from '../support/apps/host-app.ts';
import { fetchNpmApps } from '../support/apps/npm-apps.ts';
import { type Outcome, outcomeOnHost } from '../support/apps/outcome.ts';
import { runCli } from '../support/cli.ts';
import { copyRealKernel } from '../support/kernels.ts';
import { buildLayer } from '../support/layers.ts';
import { type Registry, startRegistry } from '../support/registry/registry.ts';
import { top } from '../support/top.ts';

/*
 * Real apps from their images to what is reachable in them, a row each: what they are taken for, which
 * runtime they get, what is left of files and bytes, what `check` says, and whether what is left does in
 * a bare folder, and with --boot on OSv, what the app does on this host.
 *
 *   npm run apps -- [--work DIR] [--boot] [NAME...]
 *
 * What is published and fetched stays in DIR, and is taken from there the next time. Publishing all of
 * it takes half an hour, and NuGet. A kernel is taken from the default store.
 */

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { work: { type: 'string' }, boot: { type: 'boolean', default: false } },
});
const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
const work = resolve(values.work ?? join(cache, 'osv-convert-apps'));
const store = join(work, 'store');

const columns = [
  ...['app', 'kind', 'runtime', 'files', 'MB', 'check', 'errors', 'runs bare'],
  ...(values.boot ? ['boots'] : []),
];

interface Row {
  readonly name: string;
  readonly cells: readonly string[];
}

async function main(): Promise<void> {
  await mkdir(join(work, 'scratch'), { recursive: true });
  await rm(store, { recursive: true, force: true });
  const kernel = await copyRealKernel(await openStore(store));
  if (kernel === undefined) console.log('no real kernel is in the default store: none is checked');
  const jail = findJail();
  if (jail === undefined) console.log('neither bwrap nor chroot can run here: nothing runs bare');
  const base = buildLayer(debianBase() ?? bareBase(), { compression: 'none' });
  const runtime = runtimeLayer();
  const dotnet = runtime && buildLayer(runtime, { compression: 'none' });

  console.log(`| ${columns.join(' | ')} |\n|${columns.map(() => '---').join('|')}|`);
  for (const app of chosenApps()) {
    const needsRuntime = app.command[0] === 'dotnet' || !bringsRuntime(app);
    const image = imageOf(app, needsRuntime && dotnet ? [base, dotnet] : [base]);
    const registry = await startRegistry({ images: { 'app:1': image } });
    const row = await rowOf(app, registry, jail).catch((error: unknown) => ({
      name: app.name,
      cells: [`failed: ${error instanceof Error ? error.message : error}`],
    }));
    console.log(`| ${[row.name, ...row.cells].map(asCell).join(' | ')} |`);
    await registry.close();
  }
}

function asCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

/** Forms that are started by an apphost or a single file without a runtime. */
function bringsRuntime({ name }: HostApp): boolean {
  return !/, apphost$|-readytorun$|(?<!selfcontained)-singlefile$/.test(name);
}

function* chosenApps(): Generator<HostApp> {
  const isChosen = (name: string): boolean =>
    positionals.length === 0 || positionals.includes(name);
  const published = join(work, 'published');
  for (const { name, variant } of fixtureApps) {
    if (!isChosen(name)) continue;
    const app = fixtureApp(name, published);
    if (existsSync(app.folder) || publish(variant, published)) yield app;
    else console.log(`| ${name} | cannot be published here |`);
  }
  for (const app of fetchNpmApps(join(work, 'npm'))) if (isChosen(app.name)) yield app;
}

function publish(variant: string, folder: string): boolean {
  try {
    execFileSync(join(top, 'fixtures/apps/rebuild.sh'), [folder, variant], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function rowOf(app: HostApp, registry: Registry, jail: Jail | undefined): Promise<Row> {
  const reference = `${registry.host}/app:1`;
  const inspected: Inspection = await answerOf(['inspect', reference]);
  const checked: Checked = await answerOf(['check', reference]);
  const all = await build(reference, 'all');
  const reachable = await build(reference, 'reachable');
  const { error, warning, note } = checked.counts;
  const found = 'kind' in inspected.app ? inspected.app : undefined;
  const wanted = await outcomeOnHost(app, join(work, 'scratch'));
  const works = app.serves === undefined ? wanted.code === 0 : wanted.output.startsWith('200 ');
  const cells = [
    found === undefined ? 'none' : `${found.kind}${found.aspnet ? ', ASP.NET Core' : ''}`,
    runtimeOf(reachable),
    `${all.rofs.files} → ${reachable.rofs.files}`,
    `${megabytes(all)} → ${megabytes(reachable)}`,
    `${error} / ${warning} / ${note}`,
    rulesOf(checked),
    ...(works
      ? [
          jail === undefined ? 'not tried' : await bareVerdict(app, jail, reachable, wanted),
          ...(values.boot ? [await bootOutcome(disk('reachable'), app, wanted, store)] : []),
        ]
      : [`fails on the host, too: ${(wanted.output + wanted.talk).slice(0, 200)}`]),
  ];
  return { name: app.name, cells };
}

function runtimeOf({ runtime }: Report): string {
  if (runtime === null) return 'its own';
  const frameworks = runtime.frameworks.map(({ name, version }) => `${name} ${version}`);
  return `${frameworks.join(', ')} (${runtime.from})`;
}

function megabytes({ files }: Report): string {
  return (files.reduce((sum, { size }) => sum + size, 0) / 1e6).toFixed(1);
}

function rulesOf({ findings }: Checked): string {
  const rules = findings.filter(({ severity }) => severity === 'error').map(({ rule }) => rule);
  return rules.length === 0 ? 'none' : [...new Set(rules)].join(', ');
}

function disk(include: string): string {
  return join(work, `${include}.raw`);
}

/** What cannot run on OSv is built all the same, for the proof is of its files. */
async function build(reference: string, include: string): Promise<Report> {
  const path = disk(include);
  const options = ['--boot', 'direct', '--include', include, '--force', '--store', store];
  const { code, stderr } = await runCli(['build', reference, '-o', path, ...options]);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(await readFile(`${path}.json`, 'utf8'));
}

async function answerOf<T>(words: readonly string[]): Promise<T> {
  const { stdout, stderr } = await runCli([...words, '--json', '--store', store]);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

async function bareVerdict(
  app: HostApp,
  jail: Jail,
  report: Report,
  wanted: Outcome,
): Promise<string> {
  const folder = join(work, 'bare');
  await rm(folder, { recursive: true, force: true });
  await writeBareFolder(disk('reachable'), folder);
  const found = await outcomeInBareFolder(jail, folder, report, app);
  if (found.code === wanted.code && found.output === wanted.output) return `yes (${jail})`;
  const told = `exit code ${found.code}: ${found.output}${found.talk}`;
  return `no: ${told.slice(0, 300)}; on the host: exit code ${wanted.code}: ${wanted.output.slice(0, 100)}`;
}

await main();
