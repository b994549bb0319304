import { readdir, readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createValidator } from '../../schemas/index.ts';
import type { Inspection } from '../../src/inspect.ts';
import { openStore } from '../../store/index.ts';
import { consoleApp, type GuestSite, openGuestSite } from '../support/guest-site.ts';
import { copyRealKernel, whyNoRealOsv } from '../support/kernels.ts';

const reason = await whyNoRealOsv();
if (reason !== undefined) console.log(`skipped: booting what these options make, for ${reason}`);

/** Milliseconds: on a busy machine emulation takes minutes. */
const patience = 240_000;

let site: GuestSite;

beforeAll(async () => {
  site = await openGuestSite();
});

afterAll(async () => {
  await site?.close();
});

describe('what is started', () => {
  it.each([
    [[], ['a b', 'žluť', ''], '/app'],
    [['--cmd', 'one', '--cmd', '["two words", ""]'], ['one', 'two words', ''], '/app'],
    [['--cmd', ''], [], '/app'],
    [['--entrypoint', '["dotnet", "/app/console.dll", "-v"]'], ['-v'], '/app'],
    [['--workdir', '/home/app', '--entrypoint', '/app/console', '--cmd', 'x'], ['x'], '/home/app'],
  ])('is as docker run has it when it is given %j', async (options, args, workingDirectory) => {
    const inspected = await site.cli(['inspect', consoleApp, '--json', ...options]);
    expect(inspected.code, inspected.stderr).toBe(0);
    const { app }: Inspection = JSON.parse(inspected.stdout);
    expect(app).toMatchObject({ assembly: '/app/console.dll', args });
    expect(JSON.stringify(app)).toContain(`] in ${workingDirectory}"`);
  });

  it('is told with what to type when it is none', async () => {
    const { code, stderr } = await site.cli([
      ...['build', consoleApp, '-o', 'none.raw', '--entrypoint', 'dotnet console.dll'],
      ...['--boot', 'direct'],
    ]);
    expect(code).toBe(7);
    const typed = /--entrypoint '(\[.*\])'/.exec(stderr)?.[1] ?? stderr;
    const { report } = await site.build(['--entrypoint', typed]);
    expect(report.app.args).toEqual(['/app/console.dll']);
  });
});

describe('variables', () => {
  const secret = 'hush-hush';

  it('come from the image, files in their order, a pipe, the host and --env, and stay unseen', async () => {
    await writeFile(site.at('one.env'), 'BOTH=one\nFILE=one\nPIPE=one\n# none\nHOSTED\n');
    await writeFile(site.at('two.env'), `FILE="${secret}"\nPIPE=two\nLAST=two\n`);
    const files = ['one.env', 'two.env', '/dev/fd/3'].flatMap((path) => ['--env-file', path]);
    const { report, printed } = await site.build(
      [
        ...files,
        '--env',
        'LAST=word',
        '--env',
        'TOKEN',
        '--env',
        'GONE',
        '--env',
        'DOTNET_LTTng=1',
      ],
      {
        env: { HOSTED: 'here', TOKEN: `${secret} of the host`, GONE: undefined },
        input: `PIPE=${secret} of the pipe\n`,
        // What a process is given by node is a socket, which nobody can open by a name.
        through: ['sh', '-c', 'cat | { exec 3<&0 </dev/null; exec "$@"; }', 'sh'],
      },
    );
    expect(report.env).toMatchObject({
      FROM: 'image',
      BOTH: 'one',
      FILE: `"${secret}"`,
      PIPE: `${secret} of the pipe`,
      LAST: 'word',
      HOSTED: 'here',
      TOKEN: `${secret} of the host`,
      DOTNET_LTTng: '1',
    });
    expect(report.env).not.toHaveProperty('GONE');
    expect(printed).toContain('--env=TOKEN=***');
    expect(printed).not.toContain(secret);
  });

  it.each([
    [['--env-file', 'nope.env'], 'reading --env-file nope.env: found no such file'],
    [['--env-file', 'dotnet'], 'reading --env-file dotnet: found a folder'],
    [['--env-file', '-'], '--env-file /dev/stdin'],
    [['--env', `my token=${secret}`], 'reading --env: found blanks in a name'],
  ])('are refused, and not quoted, when they are %j', async (options, message) => {
    const { code, stderr } = await site.cli(['build', consoleApp, '-o', 'none.raw', ...options]);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain(secret);
    expect(code).toBe(2);
  });

  it('are told with their reasons, and fit the schema, in inspect --env --json', async () => {
    const { code, stdout, stderr } = await site.cli(
      [
        ...['inspect', consoleApp, '--env', '--json', '--memory', '512M'],
        ...['--env-file', '/dev/stdin', '--runtime', './dotnet'],
      ],
      { input: 'MINE=1\n', through: ['sh', '-c', 'cat | "$@"', 'sh'] },
    );
    expect(code, stderr).toBe(0);
    const inspection: Inspection = JSON.parse(stdout);
    expect((await createValidator('inspect'))(inspection)).toBeUndefined();
    const found = new Map(inspection.environment?.map((entry) => [entry.name, entry]));
    expect(found.get('FROM')).toEqual({ name: 'FROM', value: 'image', origin: 'image' });
    expect(found.get('MINE')).toEqual({ name: 'MINE', value: '1', origin: 'user' });
    expect(found.get('DOTNET_GCHeapHardLimit')).toMatchObject({
      origin: 'osv',
      reason: expect.stringContaining('of 512 MiB'),
    });
  });
});

describe('the machine and the runtime', () => {
  it('stand in report and environment when --memory and --runtime NAME@DIGEST give them', async () => {
    const added = await site.cli(['runtime', 'add', './dotnet', '--name', 'net', '--json']);
    expect(added.code, added.stderr).toBe(0);
    const { name, digest } = JSON.parse(added.stdout);
    const named = `${name}@${digest}`;
    const { report } = await site.build(['--memory', '512M', '--runtime', named]);
    expect(report.memory).toBe(512);
    expect(Number.parseInt(report.env['DOTNET_GCHeapHardLimit'] ?? '', 16)).toBeGreaterThan(
      1 << 27,
    );
    expect(report.runtime).toMatchObject({ from: 'kept', name: 'runtime/net', manifest: digest });
    const other = `${name}@sha256:${'0'.repeat(64)}`;
    const refused = await site.cli([
      'build',
      consoleApp,
      '-o',
      'none.raw',
      '--boot',
      'direct',
      '--runtime',
      other,
    ]);
    expect(refused.stderr).toContain(`found ${digest}, wanted sha256:000`);
    expect(refused.code).toBe(8);
  });
});

describe('help', () => {
  it.each(['build', 'run', 'inspect', 'check', 'sbom', 'runtime add'])(
    'of %s fits into 80 columns and has examples',
    async (command) => {
      const { stdout } = await site.cli([...command.split(' '), '--help'], {
        env: { COLUMNS: '80' },
      });
      expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
      expect(stdout).toMatch(new RegExp(`^Examples:\\n  osv-convert ${command} `, 'm'));
    },
  );
});

describe.skipIf(reason !== undefined)('a guest on a real OSv kernel', () => {
  it(
    'starts with the words, folder and variables it was given, which no process shows',
    async () => {
      await copyRealKernel(await openStore(site.at('store')));
      const secret = `hush-${process.pid}`;
      await writeFile(site.at('hello.env'), `GREETING=${secret}\n`);
      const shown: Promise<readonly string[]>[] = [];
      const { code, stdout, stderr } = await site.cli(
        [
          ...['run', 'oci:hello:1', '--no-cache', '--env-file', 'hello.env'],
          ...['--workdir', '/home/app'],
          ...['--entrypoint', '["/app/hello-aot", "two words"]', '--cmd', '$x "y"'],
        ],
        { onStdout: () => shown.push(commandLines()) },
      );
      expect(stdout, stderr).toContain('Hello from two words|$x "y" in /home/app');
      expect(stdout).toContain(`GREETING=${secret}`);
      expect(code, stderr).toBe(0);
      const lines = (await Promise.all(shown)).flat();
      expect(lines.some((line) => line.includes('qemu'))).toBe(true);
      expect(lines.filter((line) => line.includes(secret))).toEqual([]);
    },
    patience,
  );
});

/** Of every process of this machine that may be seen. */
async function commandLines(): Promise<readonly string[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return await Promise.all(
    names.map((name) => readFile(`/proc/${name}/cmdline`, 'latin1').catch(() => '')),
  );
}
