import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { completeCommand, createProgram } from '../../../src/cli/program.ts';
import { usageError } from '../../../src/cli/usage-error.ts';
import { ConvertError } from '../../../src/error.ts';

/** The help of a command and of all below it, by what is typed for it. */
function helpsOf(command: Command, before = ''): (readonly [typed: string, help: string])[] {
  const typed = `${before}${command.name()}`;
  let text = '';
  // A command below another has an output of its own.
  command.configureOutput({ writeOut: (piece) => (text += piece), getOutHelpWidth: () => 80 });
  command.outputHelp();
  return [[typed, text], ...command.commands.flatMap((one) => helpsOf(one, `${typed} `))];
}

describe('help', () => {
  it('has no line of more than 80 columns, and a description of each command', async () => {
    const program = createProgram();
    for (const command of program.commands) await completeCommand(command);
    const helps = helpsOf(program);
    expect(helps.length).toBeGreaterThan(60);
    const long = helps.flatMap(([typed, help]) =>
      help
        .split('\n')
        .filter((line) => line.length > 80)
        .map((line) => `${typed}: ${line}`),
    );
    expect(long).toEqual([]);
    const bare = helps.filter(([, help]) => !/^Usage: .*\n\n(?!Options:|Arguments:)\S/.test(help));
    expect(bare.map(([typed]) => typed)).toEqual([]);
  });

  it('tells choices and defaults in the same words everywhere', async () => {
    const program = createProgram();
    for (const command of program.commands) await completeCommand(command);
    const helps = helpsOf(program).map(([typed, help]) => [typed, help.replace(/\s+/g, ' ')]);
    const others =
      /choices:|default: "|\(default\)|, repeatable|; repeatable(?!\))|\) \((?:one of|default)/;
    expect(helps.filter(([, help = '']) => others.test(help)).map(([typed]) => typed)).toEqual([]);
    const run = helps.find(([typed]) => typed === 'osv-convert run')?.[1];
    expect(run).toContain('(one of auto, kvm, tcg; default: auto)');
    expect(run).toContain('is shown on stderr (one of auto, plain, json, none; default: auto)');
    expect(run).toContain('memory of the guest, such as 512M or 2G (default: 1G)');
  });

  it('is told of in the same words below each command that has others', async () => {
    const program = createProgram();
    for (const command of program.commands) await completeCommand(command);
    const groups = helpsOf(program).filter(([, help]) => /^Commands:$/m.test(help));
    expect(groups.length).toBeGreaterThan(5);
    for (const [, help] of groups) {
      expect(help).toMatch(/^ {2}help \[command\.\.\.\] +print the help of a\s+command$/m);
    }
  });

  it.each([
    [['help', 'biuld'], 'build', 'osv-convert --help'],
    [['biuld', '--help'], 'build', 'osv-convert --help'],
    [['help', 'store', 'gx'], 'gc', 'osv-convert store --help'],
    [['store', 'help', 'gx'], 'gc', 'osv-convert store --help'],
    [['store', 'gx', '--help'], 'gc', 'osv-convert store --help'],
  ])('tells what may have been meant when %j is typed', async (words, meant, hint) => {
    const { message, hint: told } = await refusal(...words);
    expect(message).toContain(`(Did you mean ${meant}?)`);
    expect(told).toBe(hint);
  });

  it('wants no more words when a command has none below it', async () => {
    expect(await refused('help', 'store', 'gc', 'x')).toBe(
      'telling of a command of osv-convert store gc: found "x", wanted no more words',
    );
  });

  it('tells of itself when it is asked for', async () => {
    let told = '';
    const program = createProgram().configureOutput({ writeOut: (piece) => (told += piece) });
    const [help] = program.commands.filter((command) => command.name() === 'help');
    help?.configureOutput({ writeOut: (piece) => (told += piece) });
    await program.parseAsync(['help', 'help'], { from: 'user' });
    expect(told).toMatch(/^Usage: osv-convert help /);
  });
});

/** What a wrong command line is told. */
async function refused(...words: string[]): Promise<string> {
  const { message, hint } = await refusal(...words);
  expect(hint).toMatch(/^osv-convert .*--help$/);
  return message;
}

async function refusal(...words: string[]): Promise<ConvertError> {
  const program = createProgram();
  try {
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    if (error instanceof ConvertError) return error;
    if (error instanceof CommanderError) return usageError(error, program);
  }
  throw new Error('nothing was refused');
}

describe('createProgram', () => {
  it('tells what is unknown when something is missing, too', async () => {
    expect(await refused('build', 'x', '--ouput', 'x.img')).toContain('Did you mean --output?');
    expect(await refused('store', 'export', '--ouput', 'x')).toContain('Did you mean --output?');
  });

  it('tells what an option is for when it is missing', async () => {
    expect(await refused('build', 'x')).toBe(
      'reading the command line: found no -o, --output <file>, wanted the disk to write, or store:NAME',
    );
    expect(await refused('disk', 'extract', 'x', '/')).toContain('found no -o, --output <folder>');
  });

  it.each([
    ['doctor', 'examining a pull'],
    ['referrers', 'listing referrers'],
    ['ls-tags', 'listing the tags'],
  ])('refuses %s of what is in no registry', async (name, doing) => {
    expect(await refusal(name, 'oci:web')).toMatchObject({
      code: 'USAGE',
      message: `${doing} of oci:web: found oci:, which is no registry, wanted HOST[:PORT]/NAME`,
    });
  });

  it.each([
    ['save', ['save', "it's", '-o', '-'], 'found - for stdout', "store export 'it'\\''s' -o -"],
    ['load', ['load', '-'], 'found - for stdin', 'load /dev/stdin'],
    ['build', ['build', 'x', '-o', '-'], 'found - for stdout', '-o disk.img'],
    ['convert-disk', ['convert-disk', 'x', '-'], 'found - for stdout', 'disk.qcow2'],
  ])('refuses - for a file of %s', async (_name, words, found, hint) => {
    const told = await refusal(...words);
    expect(told.message).toContain(found);
    expect(told.hint).toContain(hint);
  });

  it.each([
    ['list', '--store'],
    ['list', '--root'],
    ['pull', '--cert-dir'],
  ])('refuses %s %s when it names no folder', async (name, option) => {
    expect((await refusal(name, ...(name === 'pull' ? ['x'] : []), option, '')).message).toBe(
      `reading ${option}: found "", wanted a folder`,
    );
  });

  it('refuses to tag an image as what is no name', async () => {
    expect((await refusal('tag', 'web', 'oci:web')).message).toBe(
      'tagging web as oci:web: found oci:, which is no registry, wanted HOST[:PORT]/NAME',
    );
  });

  it('refuses to give a program words and none', async () => {
    expect(await refused('disk', 'set-cmdline', 'x', '--arg', 'a', '--no-args')).toContain(
      'found --no-args and --arg, wanted one of them',
    );
  });

  it('refuses to set a variable and take it away', async () => {
    expect((await refusal('disk', 'set-env', 'x', 'A=1', '--unset', 'A')).message).toBe(
      'changing the environment: found A to set and to take away, wanted one of them',
    );
  });

  it.each([
    [['kernel', 'add', '/none'], 'reading /none: found no such file, wanted loader.img'],
    [['kernel', 'add', '/'], 'reading /: found a folder, wanted loader.img'],
    [['create', 'x', 'y', '--hooks', '/none'], 'reading --hooks /none: found no such file'],
  ])('tells what is wrong with a file when %j is typed', async (words, message) => {
    const store = ['--store', join(tmpdir(), 'osv-convert-none')];
    expect((await refusal(...words, ...store)).message).toContain(message);
  });

  it.each(['run', 'ls', 'build'])('refuses %s --offline when it is to ask always', async (name) => {
    const words = [
      name,
      'x',
      '--offline',
      '--pull',
      'always',
      ...(name === 'build' ? ['-o', 'x'] : []),
    ];
    expect(await refusal(...words)).toMatchObject({
      code: 'USAGE',
      message: 'reading the command line: found --offline and --pull always, wanted one of them',
    });
  });
});
