import { mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import { exitCodes } from '../../../src/error.ts';
import { addKernel } from '../../../src/osv/kernels.ts';
import { openStore } from '../../../store/index.ts';
import { runCli } from '../../support/cli.ts';
import { helloImage } from '../../support/hello-image.ts';
import { writeLayout } from '../../support/layout.ts';
import { runtimeFolder } from '../../support/published-apps.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { imageOf } from '../check/defects.ts';
import { fakeKernelElf } from '../osv/fake-kernel.ts';

const folder = temporaryFolder('check-cli');
let dotnet = '';

beforeAll(async () => {
  dotnet = await runtimeFolder(join(folder, 'dotnet'));
  const script = { Entrypoint: ['/bin/sh', '-c', 'a\x1b[2J; b'] };
  await writeLayout(join(folder, 'hello'), 'a', await helloImage());
  await writeLayout(join(folder, 'starts'), 'a', await imageOf({ app: 'process-start' }));
  await writeLayout(join(folder, 'script'), 'a', await imageOf({ config: script }));
});

function run(words: readonly string[], store = 'store') {
  return runCli([...words, '--store', join(folder, store), '--runtime', dotnet]);
}

const checkOf = (name: string, ...words: readonly string[]) =>
  run(['check', `oci:${join(folder, name)}:a`, ...words]);

describe('osv-convert check', () => {
  it('groups what it found by severity, with evidence, consequence and fix', async () => {
    const { code, stdout } = await checkOf('starts');
    expect(code).toBe(exitCodes.ok);
    expect(stdout).toBe(`localhost/starts:a: linux/amd64, framework-dependent, .NET 10.0

Will fail when it is used
  process-start  /app/process-start.dll: System.Diagnostics.Process.Start
    OSv runs one process: Process.Start throws Win32Exception, or ArgumentException where output is redirected
    to change: do the work in the app itself, or ask a service outside of the machine for it

Different on OSv
  hardware-exceptions  /app/process-start.dll: .NET 10.0
    a null reference ends the machine, even where NullReferenceException would be caught
    to change: test for null before, or use a kernel that fills in signal frames
  memory  /app/process-start.dll: 4 KiB of code
    the machine needs at least 56 MiB to start it: 48 MiB as measured for the smallest app of its kind, and one and a half times its code; what it allocates comes on top
    to change: begin with 256 MiB: osv-convert run REF --memory 256M
  kernel-unknown  no kernel in the store
    missing functions, thread-local data and timers were not checked
    to change: get one, and check again: osv-convert kernel fetch

0 errors, 1 warning, 3 notes
`);
  });

  it('ends with 7 for errors, and with --strict for warnings', async () => {
    expect((await checkOf('starts', '--strict', '--quiet')).code).toBe(exitCodes.unsupported);
    expect((await checkOf('hello', '--strict')).code).toBe(exitCodes.ok);
    const { code, stdout } = await checkOf('script');
    expect(code).toBe(exitCodes.unsupported);
    expect(stdout).toContain('Cannot run\n  shell-entrypoint');
    expect(stdout).not.toContain('\x1b');
  });

  it('prints what its schema says with --json, also of an image without an app', async () => {
    const validate = await createValidator('check');
    for (const name of ['hello', 'starts', 'script']) {
      const { stdout } = await checkOf(name, '--json');
      expect(validate(JSON.parse(stdout))).toBeUndefined();
      expect(JSON.parse(stdout).app === null).toBe(name === 'script');
    }
  });

  it('prints SARIF with --sarif: rules with help, and files in the image', async () => {
    const { stdout, code } = await checkOf('starts', '--sarif');
    expect(code).toBe(exitCodes.ok);
    const log = JSON.parse(stdout);
    const [{ tool, results }] = log.runs;
    expect((await createValidator('check-sarif'))(log)).toBeUndefined();
    expect(tool.driver.name).toBe('osv-convert');
    expect(results[0]).toEqual({
      ruleId: 'process-start',
      ruleIndex: 0,
      level: 'warning',
      message: {
        text: 'System.Diagnostics.Process.Start: OSv runs one process: Process.Start throws Win32Exception, or ArgumentException where output is redirected. To change: do the work in the app itself, or ask a service outside of the machine for it.',
      },
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: 'localhost/starts%3Aa!/app/process-start.dll' },
            region: { startLine: 1 },
          },
          logicalLocations: [{ fullyQualifiedName: 'System.Diagnostics.Process.Start' }],
        },
      ],
    });
    expect(tool.driver.rules[0]).toMatchObject({
      id: 'process-start',
      name: 'ProcessStart',
      shortDescription: { text: 'The app starts processes.' },
      help: { text: expect.stringContaining('To change: do the work') },
    });
    const without = results.find(({ ruleId }: { ruleId: string }) => ruleId === 'kernel-unknown');
    const { artifactLocation } = without.locations[0].physicalLocation;
    expect(artifactLocation.uri).toBe('localhost/starts%3Aa');
  });

  it('fails for a runtime that is not there, which is no fault of the image', async () => {
    const empty = await mkdtemp(join(folder, 'empty-'));
    for (const name of ['runtime/nope', 'nope', join(folder, 'nowhere'), empty]) {
      const words = ['check', `oci:${join(folder, 'starts')}:a`, '--store', join(folder, 'store')];
      const { code, stdout, stderr } = await runCli([...words, '--runtime', name]);
      expect([code, stdout]).toEqual([exitCodes.runtime, '']);
      expect(stderr).toContain('(RUNTIME_NOT_FOUND)');
    }
  });

  it('refuses --sarif with --json', async () => {
    expect((await checkOf('starts', '--sarif', '--json')).code).toBe(exitCodes.usage);
  });
});

describe('osv-convert build', () => {
  const build = (name: string, ...words: readonly string[]) =>
    run(
      [
        'build',
        `oci:${join(folder, name)}:a`,
        '-o',
        join(folder, 'disk.raw'),
        '--boot',
        'direct',
        ...words,
      ],
      'builds',
    );

  it('says what check warns of, a line each, and keeps it in the report', async () => {
    const { code, stderr } = await build('starts');
    expect(code).toBe(exitCodes.ok);
    const lines = stderr.split('\n').filter((line) => line.startsWith('warning: '));
    expect(lines).toEqual([
      expect.stringMatching(/^warning: process-start: \/app\/.*\(do the work/),
    ]);
    const { warnings } = JSON.parse(await readFile(join(folder, 'disk.raw.json'), 'utf8'));
    expect(lines).toEqual([`warning: ${warnings[0]}`]);
  });

  it('refuses what cannot run, unless --force is given', async () => {
    const store = await openStore(join(folder, 'builds'));
    await addKernel(store, [{ name: 'k', bytes: fakeKernelElf({ exposed: true }) }], {
      name: 'open',
    });
    const refused = await build('starts', '--kernel', 'open');
    expect(refused.code).toBe(exitCodes.kernel);
    expect(refused.stderr).toMatch(/kernel open: exposed symbols.*\(KERNEL_UNSUITABLE\)/);
    expect(refused.stderr).toContain('--force');
    const { code, stderr } = await build('starts', '--kernel', 'open', '--force');
    expect(code).toBe(exitCodes.ok);
    expect(stderr).toContain('warning: kernel-symbols-exposed');
  });
});
