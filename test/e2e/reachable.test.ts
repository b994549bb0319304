import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../src/report.ts';
import { findJail, outcomeInBareFolder, writeBareFolder } from '../support/apps/bare-folder.ts';
import { debianBase } from '../support/apps/debian-base.ts';
import { fixtureApp } from '../support/apps/fixture-apps.ts';
import { bareBase, type HostApp, imageOf, runtimeLayer } from '../support/apps/host-app.ts';
import { outcomeOnHost } from '../support/apps/outcome.ts';
import { runCli } from '../support/cli.ts';
import { buildLayer } from '../support/layers.ts';
import { type Registry, startRegistry } from '../support/registry/registry.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { top } from '../support/top.ts';

const jail = findJail();
const debian = debianBase();
const runtime = runtimeLayer();
for (const [isThere, left] of [
  [jail, 'running built trees in bare folders: neither bwrap nor chroot can run here'],
  [debian, 'what is left of a Debian base: this is no Debian'],
  [runtime, 'apps that need a runtime: none is on this host'],
] as const) {
  if (isThere === undefined) console.log(`skipped: ${left}`);
}

/** Committed apps, with and without a runtime of their own. */
const shared = ['console', 'console, apphost', 'console-singlefile', 'libraries', 'web'];
const own = ['hello-aot'];

const folder = temporaryFolder('reachable');
let registry: Registry;
const apps = new Map<string, HostApp>();

beforeAll(async () => {
  const base = buildLayer(debian ?? bareBase(), { compression: 'none' });
  const dotnet = runtime && buildLayer(runtime, { compression: 'none' });
  for (const name of [...shared, ...own]) apps.set(name, fixtureApp(name));
  const published = await publishSelfContained();
  if (published !== undefined) apps.set(published.name, published);
  registry = await startRegistry({
    images: Object.fromEntries(
      [...apps].map(([name, app]) => [
        `${tagOf(name)}:1`,
        imageOf(app, dotnet && shared.includes(name) ? [base, dotnet] : [base]),
      ]),
    ),
  });
});

afterAll(async () => {
  await registry?.close();
});

function tagOf(name: string): string {
  return name.replace(', ', '-');
}

/** Needs the runtime pack from NuGet, which not every machine reaches. */
async function publishSelfContained(): Promise<HostApp | undefined> {
  const name = 'console-selfcontained';
  if (runtime === undefined) return undefined;
  const published = join(folder, 'published');
  try {
    const script = join(top, 'fixtures/apps/rebuild.sh');
    await promisify(execFile)(script, [published, name], { timeout: 60_000 });
    return fixtureApp(name, published);
  } catch {
    console.log(`skipped: ${name}: it cannot be published here`);
    return undefined;
  }
}

interface Built {
  readonly disk: string;
  readonly report: Report;
}

const built = new Map<string, Promise<Built>>();

async function build(name: string, include: 'reachable' | 'all' = 'reachable'): Promise<Built> {
  const key = `${tagOf(name)}-${include}`;
  const found = built.get(key) ?? buildOnce(name, key, include);
  built.set(key, found);
  return await found;
}

async function buildOnce(name: string, key: string, include: string): Promise<Built> {
  const disk = join(folder, `${key}.raw`);
  const reference = `${registry.host}/${tagOf(name)}:1`;
  const options = ['--boot', 'direct', '--include', include, '--store', join(folder, 'store')];
  const { code, stderr } = await runCli(['build', reference, '-o', disk, ...options]);
  expect(code, stderr).toBe(0);
  return { disk, report: JSON.parse(await readFile(`${disk}.json`, 'utf8')) };
}

function appOf(name: string): HostApp {
  const app = apps.get(name);
  if (app === undefined) throw new Error(`appOf: ${name} was not published`);
  return app;
}

/** What a build keeps, in a folder with nothing else but the C library; made once. */
async function bareFolderOf(name: string): Promise<string> {
  const bare = join(folder, `${tagOf(name)}-bare`);
  if (!existsSync(bare)) await writeBareFolder((await build(name)).disk, bare);
  return bare;
}

describe.skipIf(jail === undefined)('a tree of what is reachable', () => {
  const run = async (name: string, bare: string) =>
    await outcomeInBareFolder(jail ?? 'bwrap', bare, (await build(name)).report, appOf(name));

  const names = runtime === undefined ? own : [...own, ...shared, 'console-selfcontained'];
  it.for(names)('does in a bare folder what %s does on the host', async (name, { skip }) => {
    if (!apps.has(name)) skip('it cannot be published here');
    const bare = await bareFolderOf(name);
    const found = await run(name, bare);
    const wanted = await outcomeOnHost(appOf(name), folder);
    expect(wanted.output, wanted.talk).toMatch(/\w/);
    expect(wanted.output).not.toContain('failed');
    expect(found, found.talk).toMatchObject({ code: wanted.code, output: wanted.output });
  });

  it.skipIf(runtime === undefined || debian === undefined)(
    'fails without any one of the files that are kept for how they are opened',
    async () => {
      const bare = await bareFolderOf('libraries');
      const whole = await run('libraries', bare);
      const files = (await build('libraries')).report.files.map(({ path }) => path);
      for (const pattern of [
        /\/libicuuc\.so\.\d+\.\d/,
        /\/libssl\.so\.\d/,
        /\/libSystem\.Native\.so$/,
        /\/libstdc\+\+\.so\.6\.\d/,
        /\/zoneinfo\/Europe\/Prague$/,
        /\/libraries\.dll$/,
        /\/System\.Private\.CoreLib\.dll$/,
      ]) {
        const path = join(bare, files.find((one) => pattern.test(one)) ?? `none: ${pattern}`);
        await rename(path, `${path}.away`);
        const { code, output } = await run('libraries', bare);
        await rename(`${path}.away`, path);
        expect({ code, output }, `${pattern}`).not.toEqual({
          code: whole.code,
          output: whole.output,
        });
      }
    },
  );
});

describe.skipIf(debian === undefined)('an image on a Debian base', () => {
  const bytesOf = ({ files }: Pick<Report, 'files'>): number =>
    files.reduce((sum, { size }) => sum + size, 0);

  it.skipIf(runtime === undefined)(
    'shrinks by half at least when it has an ASP.NET Core app',
    async () => {
      const all = bytesOf((await build('web', 'all')).report);
      const kept = bytesOf((await build('web')).report);
      console.log(`web: ${mega(all)} as it is, ${mega(kept)} of it reachable`);
      expect(kept).toBeLessThanOrEqual(all / 2);
    },
  );

  it('shrinks to a Native AOT app, its libraries and the data of every system', async () => {
    const { files } = (await build('hello-aot')).report;
    const all = bytesOf((await build('hello-aot', 'all')).report);
    console.log(`hello-aot: ${mega(all)} as it is, ${mega(bytesOf({ files }))} of it reachable`);
    const data = /^\/(?:etc|usr\/share\/(?:zoneinfo|ca-certificates)|usr\/lib\/ssl)\//;
    expect(files.map(({ path }) => path).filter((path) => !data.test(path))).toEqual([
      '/app/hello-aot',
      '/usr/lib/os-release',
    ]);
  });
});

function mega(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
