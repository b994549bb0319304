import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createValidator } from '../../schemas/index.ts';
import { exitCodes } from '../../src/error.ts';
import { addKernel } from '../../src/osv/kernels.ts';
import { openStore } from '../../store/index.ts';
import { imageOf } from '../src/check/defects.ts';
import { fakeKernelElf } from '../src/osv/fake-kernel.ts';
import { runCli } from '../support/cli.ts';
import { findProgram } from '../support/docker-registry.ts';
import { helloImage } from '../support/hello-image.ts';
import { type BuiltImage, buildImage } from '../support/image.ts';
import { copyRealKernel } from '../support/kernels.ts';
import { directory, file } from '../support/layers.ts';
import { writeLayout } from '../support/layout.ts';
import { imageOfApp, runtimeFolder } from '../support/published-apps.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { top } from '../support/top.ts';

/*
 * `check` and `build` as they are typed, on images of real apps, against the real OSv kernel of the default
 * store and the runtime of this host; where there is none, against stand-ins, and then nothing is asked of
 * what the kernel and the runtime alone decide.
 */
const folder = temporaryFolder('check-e2e');
let runtime = '';
let kernel = 'stand-in';
let isReal = false;

const published = (name: string): string => join(top, 'fixtures/apps', name, 'publish');

async function publishedImage(name: 'console' | 'web'): Promise<BuiltImage> {
  const names = (await readdir(published(name))).sort();
  const read = async (each: string) => [each, await readFile(join(published(name), each))] as const;
  const files = new Map(await Promise.all(names.map(read)));
  return imageOfApp({ name, files }, { compression: 'none' });
}

async function singleFileImage(): Promise<BuiltImage> {
  const program = await readFile(join(published('console-singlefile'), 'console'));
  return buildImage({
    compression: 'none',
    layers: [[directory('tmp'), directory('app'), file('app/console', program, { mode: 0o755 })]],
    config: { WorkingDir: '/app', Entrypoint: ['/app/console'] },
  });
}

beforeAll(async () => {
  const store = await openStore(join(folder, 'store'));
  const isHosted = findProgram('dotnet') !== undefined;
  runtime = isHosted ? 'host' : await runtimeFolder(join(folder, 'dotnet'));
  const real = await copyRealKernel(store);
  isReal = real !== undefined && isHosted;
  if (!isReal) console.log('no OSv kernel or no .NET runtime here: checking against stand-ins');
  if (real === undefined) {
    await addKernel(store, [{ name: 'k', bytes: fakeKernelElf({}) }], { name: kernel });
  }
  kernel = real?.name ?? kernel;
  await addKernel(store, [{ name: 'k', bytes: fakeKernelElf({ exposed: true }) }], {
    name: 'exposed',
  });

  const images: Readonly<Record<string, BuiltImage>> = {
    console: await publishedImage('console'),
    web: await publishedImage('web'),
    'hello-aot': await helloImage(),
    'single-file': await singleFileImage(),
    'process-start': await imageOf({ app: 'process-start' }),
    'data-protection': await imageOf({ app: 'data-protection' }),
    script: await imageOf({ config: { Entrypoint: ['/bin/sh', '-c', 'a; exec dotnet b.dll'] } }),
  };
  for (const [name, image] of Object.entries(images)) {
    await writeLayout(join(folder, name), 'a', image);
  }
});

const run = (command: 'build' | 'check', name: string, ...words: readonly string[]) =>
  runCli([
    ...[command, `oci:${join(folder, name)}:a`, '--store', join(folder, 'store')],
    ...[
      '--runtime',
      runtime,
      ...(words.includes('--kernel') ? [] : ['--kernel', kernel]),
      ...words,
    ],
  ]);

interface Told {
  readonly severity: string;
  readonly rule: string;
}

const told = ({ findings }: { readonly findings: readonly Told[] }): readonly string[] =>
  findings.map(({ severity, rule }) => `${severity} ${rule}`).sort();

/** What is told of every managed app. */
const usual = ['note hardware-exceptions', 'note memory', 'note missing-rare-symbols'];

describe('check, on images of real apps', () => {
  it.each([
    ['console', 'framework-dependent', ['note user-lost']],
    ['web', 'framework-dependent', ['note server-gc', 'note user-lost']],
    ['single-file', 'single-file', []],
    ['process-start', 'framework-dependent', ['warning process-start']],
    ['data-protection', 'framework-dependent', ['note ephemeral-keys']],
  ])('finds of %s what is to be found, and nothing else', async (name, kind, wanted) => {
    const { code, stdout, stderr } = await run('check', name, '--json');
    expect(code, stderr).toBe(exitCodes.ok);
    const checked = JSON.parse(stdout);
    expect((await createValidator('check'))(checked)).toBeUndefined();
    expect(checked.app.kind).toBe(kind);
    if (isReal) {
      const cultures = ['warning missing-icu'].filter((one) => told(checked).includes(one));
      expect(told(checked)).toEqual([...usual, ...wanted, ...cultures].sort());
    } else {
      expect(told(checked)).toEqual(expect.arrayContaining([...wanted]));
    }
  });

  it('finds of a Native AOT app that nothing more can be known', async () => {
    const { stdout } = await run('check', 'hello-aot', '--json');
    expect(told(JSON.parse(stdout))).toEqual(
      expect.arrayContaining(['note memory', 'note native-code-unseen']),
    );
  });

  it('tells it in words: what was found where, what happens, and what to change', async () => {
    const { code, stdout } = await run('check', 'process-start');
    expect(code).toBe(exitCodes.ok);
    expect(stdout).toMatch(/^localhost\/process-start:a: linux\/amd64, framework-dependent, \.NET/);
    expect(stdout).toContain(
      '\nWill fail when it is used\n  process-start  /app/process-start.dll: System.Diagnostics.Process.Start\n    OSv runs one process:',
    );
    expect(stdout).toMatch(/\n0 errors, [12] warnings?, \d+ notes\n$/);
  });

  it('tells it as SARIF, each finding at its file', async () => {
    const { stdout } = await run('check', 'process-start', '--sarif');
    const { version, runs } = JSON.parse(stdout);
    expect(version).toBe('2.1.0');
    const [{ tool, results }] = runs;
    const result = results.find(({ ruleId }: { ruleId: string }) => ruleId === 'process-start');
    expect(tool.driver.rules[result.ruleIndex].id).toBe('process-start');
    expect(result.locations[0].physicalLocation.artifactLocation.uri).toBe(
      'localhost/process-start%3Aa!/app/process-start.dll',
    );
  });

  it('ends with 7 for errors, and for warnings with --strict', async () => {
    expect((await run('check', 'process-start', '--strict')).code).toBe(exitCodes.unsupported);
    const script = await run('check', 'script');
    expect(script.code).toBe(exitCodes.unsupported);
    expect(script.stdout).toContain('Cannot run\n  shell-entrypoint');
    const exposed = await run('check', 'console', '--kernel', 'exposed');
    expect(exposed.code).toBe(exitCodes.unsupported);
    expect(exposed.stdout).toContain('Cannot run\n  kernel-symbols-exposed');
  });
});

describe('build, of what check finds', () => {
  const disk = (...words: readonly string[]) =>
    run('build', 'process-start', '-o', join(folder, 'disk.raw'), '--boot', 'direct', ...words);

  it('writes a disk of an app with warnings, and prints them', async () => {
    const { code, stderr } = await disk();
    expect(code, stderr).toBe(exitCodes.ok);
    expect(stderr).toContain('warning: process-start: /app/process-start.dll');
  });

  it('refuses what cannot run, and writes it with --force', async () => {
    const refused = await disk('--kernel', 'exposed');
    expect(refused.code).toBe(exitCodes.kernel);
    expect(refused.stderr).toContain('(KERNEL_UNSUITABLE)');
    expect(refused.stderr).toContain('--force');
    const forced = await disk('--kernel', 'exposed', '--force');
    expect(forced.code, forced.stderr).toBe(exitCodes.ok);
    expect(forced.stderr).toContain('warning: kernel-symbols-exposed');
  });

  it('has no way to force what has no command', async () => {
    const words = ['-o', join(folder, 'script.raw'), '--boot', 'direct', '--force'];
    const { code, stderr } = await run('build', 'script', ...words);
    expect(code).not.toBe(exitCodes.ok);
    expect(stderr).toContain('(SHELL_ENTRYPOINT)');
  });
});
