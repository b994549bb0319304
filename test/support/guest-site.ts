import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Report } from '../../src/report.ts';
import { fixtureApp } from './apps/fixture-apps.ts';
import { bareBase, imageOf } from './apps/host-app.ts';
import { type CliOptions, type CliResult, runCli } from './cli.ts';
import { buildImage } from './image.ts';
import { file } from './layers.ts';
import { writeLayout } from './layout.ts';
import { runtimeFolder } from './published-apps.ts';
import { startRegistry } from './registry/registry.ts';

/** The app that needs a runtime, as it is named in the folder of a site. */
export const consoleApp = 'oci:console:1';

export interface BuiltGuest {
  readonly disk: string;
  readonly report: Report;
  /** On stdout, then on stderr. */
  readonly printed: string;
}

/** A folder with images, a stand-in for a runtime in `dotnet`, and a store; a registry that has `tools:1`. */
export interface GuestSite {
  readonly registry: string;
  /** The path of a name in the folder. */
  at(name: string): string;
  /** Runs the command line tool in the folder. */
  cli(args: readonly string[], options?: CliOptions): Promise<CliResult>;
  /** Builds a disk of `consoleApp` without a kernel; each list of options has a disk of its own. */
  build(options: readonly string[], more?: CliOptions): Promise<BuiltGuest>;
  close(): Promise<void>;
}

/** Three images: an app that needs a runtime, one that needs none, and files for others. */
export async function openGuestSite(): Promise<GuestSite> {
  const folder = await mkdtemp(join(tmpdir(), 'osv-convert-guest-'));
  const at = (name: string): string => join(folder, name);
  const base = bareBase();
  const app = { ...fixtureApp('console'), env: { FROM: 'image', BOTH: 'image' } };
  await writeLayout(at('console'), '1', imageOf(app, [base]));
  await writeLayout(at('hello'), '1', imageOf(fixtureApp('hello-aot'), [base]));
  const tools = buildImage({
    layers: [[file('opt/tools/a.txt', 'a of the tools'), file('opt/tools/b.txt', 'b')]],
  });
  await writeLayout(at('tools'), '1', tools);
  await runtimeFolder(at('dotnet'));
  const registry = await startRegistry({ images: { 'tools:1': tools } });

  const cli: GuestSite['cli'] = async (args, options = {}) => {
    const env = { OSV_CONVERT_STORE: at('store'), ...options.env };
    return await runCli(args, { cwd: folder, ...options, env });
  };
  return {
    registry: registry.host,
    at,
    cli,
    async build(options, more) {
      const disk = at(`${digestOf(options.join('\0'))}.raw`);
      const args = ['build', consoleApp, '-o', disk, '--boot', 'direct', '--runtime', './dotnet'];
      const { code, stdout, stderr } = await cli([...args, ...options], more);
      if (code !== 0) throw new Error(`build ${options.join(' ')} ended with ${code}: ${stderr}`);
      const report: Report = JSON.parse(await readFile(`${disk}.json`, 'utf8'));
      return { disk, report, printed: stdout + stderr };
    },
    async close() {
      await registry.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Of a disk and its report. */
export async function digestsOf(disk: string): Promise<readonly string[]> {
  const files = await Promise.all([readFile(disk), readFile(`${disk}.json`)]);
  return files.map(digestOf);
}

function digestOf(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
