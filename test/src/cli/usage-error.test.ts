import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { describe, expect, it } from 'vitest';
import { usageError } from '../../../src/cli/usage-error.ts';

/** The error of a command line that is wrong. */
function refused(...words: string[]) {
  const program = new Command('tool').exitOverride().configureOutput({ outputError: () => {} });
  const refuse = () => {
    throw new InvalidArgumentError('wanted octal');
  };
  program
    .command('find')
    .argument('<subject>')
    .option('-p, --perm <mode>', 'mode', refuse)
    .addOption(new Option('--type <kind>').choices(['f', 'd']));
  try {
    program.parse(words, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return usageError(error, program);
  }
  throw new Error('nothing was refused');
}

describe('usageError', () => {
  it.each([
    [
      'an option refuses its value',
      ['--perm', "a' b"],
      `reading --perm: found "a' b", wanted octal`,
    ],
    ['a value is no choice', ['--type', 'x'], 'reading --type: found "x", wanted one of f, d'],
    ['an option is unknown', ['--none'], "reading the command line: found unknown option '--none'"],
    [
      'a long option has one dash',
      ['-type', 'f'],
      "reading the command line: found unknown option '-type' (Did you mean --type?)",
    ],
  ])('tells what was found and wanted when %s', (_when, words, message) => {
    const hint = 'tool find --help';
    expect(refused('find', 'x', ...words)).toMatchObject({ code: 'USAGE', message, hint });
  });

  it('cuts a value when it is long', () => {
    expect(refused('find', 'x', '--perm', 'a'.repeat(5000)).message.length).toBeLessThan(100);
  });
});
