import { type Command, CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { completeCommand, createProgram } from '../../../src/cli/program.ts';
import { usageError } from '../../../src/cli/usage-error.ts';

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
    expect(helps.filter(([, help]) => !/^Usage: .*\n\n\S/.test(help))).toEqual([]);
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

describe('createProgram', () => {
  const refused = async (...words: string[]): Promise<string> => {
    const program = createProgram();
    try {
      await program.parseAsync(words, { from: 'user' });
    } catch (error) {
      if (error instanceof CommanderError) return usageError(error, program).message;
    }
    throw new Error('nothing was refused');
  };

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
});
