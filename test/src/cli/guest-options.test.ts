import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseEnv } from '../../../src/cli/env.ts';
import { readEnvFile } from '../../../src/cli/env-file.ts';
import { guestWishesOf, variablesOf } from '../../../src/cli/guest-options.ts';
import { defineInspect } from '../../../src/cli/inspect.ts';
import { shownCommandLine } from '../../../src/cli/shown-command-line.ts';
import { parseWords } from '../../../src/cli/words.ts';
import { overrideExecution } from '../../../src/oci/execution.ts';

const given = { runtime: 'auto', include: 'reachable' } as const;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-options-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

describe('parseWords', () => {
  it.each([
    ['dotnet', ['dotnet']],
    ['two words', ['two words']],
    ['["dotnet", "/app/x.dll", ""]', ['dotnet', '/app/x.dll', '']],
    ['[]', []],
    ['', []],
  ])('reads %j', (value, words) => {
    expect(parseWords('--cmd', value)).toEqual(words);
  });

  it.each([
    ['["dotnet"', 'found a bracket at the start and no JSON behind it, wanted an array'],
    ['["a", 1]', 'found a number as word 2, wanted a string'],
    ['[null]', 'found null as word 1, wanted a string'],
    ['["a\\u0000"]', 'found a NUL in a word, wanted text'],
  ])('refuses %j without telling what it holds', (value, problem) => {
    expect(() => parseWords('--entrypoint', value)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: `reading --entrypoint: ${problem}` }),
    );
  });
});

describe('parseEnv', () => {
  it('takes NAME alone from the host, and takes it away where the host has none, as docker does', () => {
    const read = parseEnv(['A=1', 'B', 'C', 'A=x=y', 'D='], { B: 'host' });
    expect([...read]).toEqual([
      ['A', 'x=y'],
      ['B', 'host'],
      ['C', undefined],
      ['D', ''],
    ]);
  });

  it.each([
    [['=hush'], 'reading --env: found no name, wanted NAME=VALUE or NAME'],
    [[''], 'reading --env: found no name, wanted NAME=VALUE or NAME'],
    [
      ['A=1', 'my key=hush'],
      'reading --env (number 2): found blanks in a name, wanted NAME=VALUE or NAME',
    ],
  ])('refuses %j and quotes nothing of it', (words, message) => {
    expect(() => parseEnv(words)).toThrow(expect.objectContaining({ code: 'USAGE', message }));
  });
});

describe('readEnvFile', () => {
  async function read(content: string | Uint8Array, env: NodeJS.ProcessEnv = {}) {
    const path = join(folder, 'some.env');
    await writeFile(path, content);
    return [...(await readEnvFile(path, env))];
  }

  it("reads docker's format: values as they stand, names of the host's variables, comments", async () => {
    const text =
      '\uFEFFA="quoted" \r\n# no=comment\r\n\r\n  B=b # kept\nHERE\nGONE\nEMPTY=\nA=2\n \t\nLAST=1';
    expect(await read(text, { HERE: 'host' })).toEqual([
      ['A', '2'],
      ['B', 'b # kept'],
      ['HERE', 'host'],
      ['EMPTY', ''],
      ['LAST', '1'],
    ]);
  });

  it.each([
    ['A=1\nmy key=hush', 'line 2: found blanks in a name'],
    ['A=1\n\n=hush', 'line 3: found no name'],
    ['A=hu\0sh', 'line 1: found a NUL'],
    [Buffer.from('A=1\nB=\xff', 'latin1'), 'line 2: found bytes that are not UTF-8'],
  ])('names file and line of what is wrong, and no value', async (content, problem) => {
    const failure = await read(content).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'USAGE' });
    expect(String(failure)).toContain(`${folder}/some.env, ${problem}, wanted NAME=VALUE or NAME`);
    expect(String(failure)).not.toContain('hush');
  });

  it('refuses what is missing, a folder, and more than a megabyte', async () => {
    const [missing, big] = [join(folder, 'missing'), join(folder, 'big')];
    await writeFile(big, `A=${'x'.repeat(1 << 20)}`);
    await expect(readEnvFile(missing, {})).rejects.toThrow(`${missing}: found no such file`);
    await expect(readEnvFile(folder, {})).rejects.toThrow(`${folder}: found a folder`);
    await expect(readEnvFile(big, {})).rejects.toThrow(`${big}: found more than 1048576 bytes`);
  });

  it('reads a pipe, in which a secret is nowhere on a disk', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const [read] = await Promise.all([readEnvFile(pipe, {}), writeFile(pipe, 'KEY=hush\n')]);
    expect([...read]).toEqual([['KEY', 'hush']]);
  });
});

describe('guestWishesOf', () => {
  it('lets later files, and then words, win', async () => {
    const [one, two] = [join(folder, 'one'), join(folder, 'two')];
    await writeFile(one, 'A=1\nB=1\nC=1\n');
    await writeFile(two, 'B=2\nC=2\n');
    const read = await variablesOf({ env: ['C=3'], envFile: [one, two] }, {});
    expect(Object.fromEntries(read)).toEqual({ A: '1', B: '2', C: '3' });
  });

  it('joins the words of every --cmd, and takes an empty --workdir as the one of the image', async () => {
    const cmd = ['a', '["b", "c"]', ''];
    const wishes = await guestWishesOf({ ...given, entrypoint: '', cmd, workdir: '' }, {});
    expect(wishes).toMatchObject({ entrypoint: [], cmd: ['a', 'b', 'c'] });
    expect(wishes).not.toHaveProperty('workingDirectory');
  });

  it('refuses a working directory that is not absolute', async () => {
    await expect(guestWishesOf({ ...given, workdir: 'app' }, {})).rejects.toMatchObject({
      code: 'USAGE',
      message: 'reading --workdir: found "app", wanted an absolute path',
    });
  });
});

describe('overrideExecution', () => {
  const config = {
    ...{ User: '', ExposedPorts: [], Volumes: [], Labels: {}, StopSignal: '', HealthcheckTest: [] },
    ...{ Env: ['A=1', 'B=1'], Entrypoint: ['dotnet'], Cmd: ['x.dll'], WorkingDir: '/app' },
  };

  it.each([
    [{}, ['dotnet'], ['x.dll']],
    [{ entrypoint: ['tool'] }, ['tool'], []],
    [{ entrypoint: [] }, [], []],
    [{ cmd: ['y.dll'] }, ['dotnet'], ['y.dll']],
    [{ cmd: [] }, ['dotnet'], []],
    [{ entrypoint: ['tool'], cmd: ['z'] }, ['tool'], ['z']],
  ])("starts by docker's rules with %j", (overrides, Entrypoint, Cmd) => {
    expect(overrideExecution(config, overrides)).toMatchObject({ Entrypoint, Cmd });
  });

  it('sets variables, and takes away those without a value', () => {
    const env = new Map([
      ['A', undefined],
      ['B', '2'],
      ['C', '3'],
    ]);
    expect(overrideExecution(config, { env }).Env).toEqual(['B=2', 'C=3']);
  });
});

describe('shownCommandLine', () => {
  it('hides the values that were given, and no others', async () => {
    const app = { program: '/app', args: [], workingDirectory: '/' };
    const report = { app, env: { PATH: '/bin', KEY: 'hush' }, commandLine: 'as it is' };
    const shown = await shownCommandLine(report, new Map([['KEY', 'hush']]));
    expect(shown).toContain('--env=PATH=/bin --env=KEY=*** ');
    expect(shown).not.toContain('hush');
    expect(await shownCommandLine(report)).toBe('as it is');
  });
});

describe('defineInspect', () => {
  function inspect(...words: string[]): Promise<unknown> {
    const command = new Command('inspect').exitOverride();
    defineInspect(command);
    return command.parseAsync(['--store', '/dev/null/store', ...words], { from: 'user' });
  }

  it.each([
    [['--kernel', 'k'], '--kernel', '--kernel NAME'],
    [
      ['--runtime', 'auto', '--memory', '1G', '--cmd', 'x'],
      '--runtime, --memory',
      '--runtime FROM --memory SIZE',
    ],
    [['--share', '/data', '--keep', '/x'], '--keep, --share', '--keep GLOB --share [FOLDER:]PATH'],
  ])('refuses %j when --env is missing', async (options, found, words) => {
    await expect(inspect('my web', ...options)).rejects.toMatchObject({
      code: 'USAGE',
      message: `inspecting my web: found ${found} without --env, wanted both or neither`,
      hint: `osv-convert inspect 'my web' --env ${words}`,
    });
  });

  it.each([
    ['--env', '--kernel', 'k', '--runtime', 'auto'],
    ['--entrypoint', 'a', '--cmd', 'b', '--workdir', '/c', '--env-file', '/dev/null'],
  ])('goes on to the store when it is given %s %s %s', async (...options) => {
    await expect(inspect('web', ...options)).rejects.toMatchObject({ code: 'STORE_UNUSABLE' });
  });
});
