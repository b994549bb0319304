import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { describe, expect, it } from 'vitest';
import { usageError, withHelpHint } from '../../../src/cli/usage-error.ts';
import { ConvertError } from '../../../src/error.ts';

/** The error of a command line that is wrong. */
function refused(...words: string[]) {
  const program = new Command('tool').exitOverride().configureOutput({ outputError: () => {} });
  const refuse = (value: string) => {
    if (value === '7') return value;
    throw new InvalidArgumentError('wanted octal');
  };
  program
    .command('find')
    .argument('<subject>')
    .option('-p, --perm <mode>', 'mode', refuse)
    .addOption(new Option('--type <kind>').choices(['f', 'd']).conflicts('perm'));
  program.command('start').argument('<ref>', 'an image').option('--cmd <word>', 'a word');
  program.command('images');
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

  it.each([
    [
      'a value is missing',
      ['find', 'x', '--type'],
      'reading --type: found no value, wanted <kind>',
      'tool find --help',
    ],
    [
      'options contradict each other',
      ['find', 'x', '--type', 'f', '-p', '7'],
      'reading the command line: found --type and --perm, wanted one of them',
      'tool find --help',
    ],
    [
      'a word is missing',
      ['start'],
      'reading the command line: found no <ref>, wanted an image',
      'tool start --help',
    ],
    [
      'there are words too many',
      ['find', 'x', 'y'],
      'reading the command line: found 2 words behind tool find, wanted <subject>',
      'tool find --help',
    ],
    [
      'a command takes no words',
      ['images', 'x'],
      'reading the command line: found 1 word behind tool images, wanted none',
      'tool images --help',
    ],
  ])('tells what was found, wanted and can be typed when %s', (_when, words, message, hint) => {
    expect(refused(...words)).toMatchObject({ code: 'USAGE', message, hint });
  });

  it.each([
    [['start', "it's", 'secret']],
    [['start', "it's", '--', '--secret']],
    [['start', "it's", 'secret', '-l']],
  ])('tells where words for the guest go, and not the words, when %j is typed', (words) => {
    const { message, hint } = refused(...words);
    expect(hint).toBe("for each word that its program is to get: tool start 'it'\\''s' --cmd WORD");
    expect(message).not.toContain('secret');
  });

  it('tells of no words for the guest when there are none too many', () => {
    expect(refused('start', 'it', '--none', 'x').hint).toBe('tool start --help');
  });

  it.each([
    ['ps', 'Did you mean list?'],
    ['version', 'Did you mean --version?'],
    ['imagse', 'Did you mean images?'],
  ])('tells what %s is called here', (word, meant) => {
    expect(refused(word).message).toContain(meant);
  });

  it('cuts a value when it is long', () => {
    expect(refused('find', 'x', '--perm', 'a'.repeat(5000)).message.length).toBeLessThan(100);
  });
});

describe('withHelpHint', () => {
  const program = new Command('tool');
  const hintOf = (...args: ConstructorParameters<typeof ConvertError>) => {
    const told = withHelpHint(new ConvertError(...args), program);
    return told instanceof ConvertError ? told.hint : 'none';
  };

  it('names the help when the command line is wrong and no next step is told', () => {
    expect(hintOf('USAGE', 'reading --memory: found "x", wanted MiB')).toBe('tool --help');
    expect(hintOf('USAGE', 'opening x: found a link, wanted a file')).toBe('tool --help');
  });

  it('leaves all else as it is', () => {
    expect(hintOf('USAGE', 'reading --add: found "x", wanted HOST', { hint: 'it' })).toBe('it');
    expect(hintOf('IMAGE_NOT_FOUND', 'reading a layout: found none')).toBeUndefined();
    expect(withHelpHint('any', program)).toBe('any');
  });
});
