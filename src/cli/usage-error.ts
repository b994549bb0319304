import type { Argument, Command, CommanderError } from 'commander';
import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';

/** What commander finds wrong, told as every other failure is: `USAGE`. */
export function usageError({ code, message }: CommanderError, program: Command): ConvertError {
  const typed = commandsOf(program);
  const command = typed.at(-1) ?? program;
  const found = message.replace(/^error: /, '').replaceAll('\n', ' ');
  const sentence =
    sentences[code]?.(found, command) ??
    `reading the command line: found ${found}${suggestion(found, typed)}`;
  return new ConvertError('USAGE', sentence, {
    hint: wordsForGuest(code, command) ?? `${typedNameOf(command)} --help`,
  });
}

/** A wrong word that says no next step has the help of its command for one. */
export function withHelpHint(error: unknown, program: Command): unknown {
  if (!(error instanceof ConvertError) || error.code !== 'USAGE' || error.hint !== undefined)
    return error;
  const hint = `${typedNameOf(commandsOf(program).at(-1) ?? program)} --help`;
  return new ConvertError('USAGE', error.message, { hint, cause: error.cause });
}

/** What is typed for a command: `osv-convert store gc`. */
export function typedNameOf(command: Command): string {
  const { parent } = command;
  return parent === null ? command.name() : `${typedNameOf(parent)} ${command.name()}`;
}

/** The commands that were typed, each below the one before, as far as there are any of their names. */
export function commandsOf(command: Command): readonly Command[] {
  const next = command.commands.find((one) => one.name() === command.args[0]);
  return next === undefined ? [command] : [command, ...commandsOf(next)];
}

/** Commander's sentences in the words of this tool, by their codes. */
const sentences: Readonly<Record<string, (found: string, command: Command) => string | undefined>> =
  {
    'commander.unknownCommand': wordOfOthers,
    'commander.invalidArgument': invalidValue,
    'commander.optionMissingArgument': optionWithoutValue,
    'commander.conflictingOption': conflict,
    'commander.missingArgument': missingArgument,
    'commander.excessArguments': excessArguments,
  };

/** What other tools call it: that is not the name here which looks like it. */
const wordsOfOthers: Readonly<Record<string, string>> = {
  ps: 'list',
  version: '--version',
};

function wordOfOthers(found: string, { parent }: Command): string | undefined {
  const [sentence, word = ''] = /^unknown command '([^']*)'/.exec(found) ?? [];
  const isOther = parent === null && Object.hasOwn(wordsOfOthers, word);
  const meant = isOther ? wordsOfOthers[word] : undefined;
  return meant && `reading the command line: found ${sentence} (Did you mean ${meant}?)`;
}

const badOption = /^option '(?<flags>[^']*)' argument '(?<value>.*)' is invalid\. (?<wanted>.*)$/s;
const badArgument =
  /^command-argument value '(?<value>.*)' is invalid for argument '(?<name>[^']*)'\. (?<wanted>.*)$/s;

function invalidValue(found: string): string | undefined {
  const {
    flags,
    name,
    value = '',
    wanted = '',
  } = (badOption.exec(found) ?? badArgument.exec(found))?.groups ?? {};
  const read = flags === undefined ? name && `<${name}>` : optionOf(flags);
  if (!read) return undefined;
  const shown = JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  const words = wanted.replace(/^Allowed choices are (.*)\.$/, 'wanted one of $1');
  return `reading ${read}: found ${shown}, ${words}`;
}

function optionWithoutValue(found: string): string | undefined {
  const [, flags = ''] = /^option '([^']*)' argument missing$/.exec(found) ?? [];
  const option = optionOf(flags);
  const value = /[<[].*/.exec(flags)?.[0];
  return option && value && `reading ${option}: found no value, wanted ${value}`;
}

function conflict(found: string): string | undefined {
  const [, one = '', other = ''] =
    /^option '([^']*)' cannot be used with option '([^']*)'$/.exec(found) ?? [];
  const [first, second] = [optionOf(one), optionOf(other)];
  return (
    first && second && `reading the command line: found ${first} and ${second}, wanted one of them`
  );
}

/** The long name in `-o, --output <file>`, or the only one. */
function optionOf(flags: string): string | undefined {
  return (/--[\w-]+/.exec(flags) ?? /^-\w/.exec(flags))?.[0];
}

function missingArgument(_found: string, { args, registeredArguments }: Command): string {
  const missing = registeredArguments.find(
    ({ required }, at) => required && args[at] === undefined,
  );
  const shown = missing && `${termOf(missing)}, wanted ${missing.description}`;
  return `reading the command line: found no ${shown ?? 'argument'}`;
}

function excessArguments(_found: string, command: Command): string {
  const { args, registeredArguments } = command;
  const count = args.length === 1 ? '1 word' : `${args.length} words`;
  const terms = registeredArguments.map(termOf).join(' ');
  return `reading the command line: found ${count} behind ${typedNameOf(command)}, wanted ${terms || 'none'}`;
}

function termOf(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

/**
 * Where docker run takes them, words for the program of the guest are words too many. They may hold
 * passwords, so they are not shown.
 */
function wordsForGuest(code: string, command: Command): string | undefined {
  const { args, options, registeredArguments } = command;
  const count = registeredArguments.length;
  // Words come before what is unknown: run web ls -l
  const words = args.findIndex((word) => word.startsWith('-'));
  const isTooMany =
    code === 'commander.excessArguments' || (code === 'commander.unknownOption' && words > count);
  if (!isTooMany || options.every(({ long }) => long !== '--cmd')) return undefined;
  const typed = [typedNameOf(command), ...args.slice(0, count).map(shellWord)].join(' ');
  return `for each word that its program is to get: ${typed} --cmd WORD`;
}

/** find(1) has one dash before long names. */
function suggestion(found: string, typed: readonly Command[]): string {
  const word = /^unknown option '-([a-z][\w-]+)'/.exec(found)?.[1];
  const known = typed.flatMap(({ options }) => options.map(({ long }) => long));
  return word !== undefined && known.includes(`--${word}`) ? ` (Did you mean --${word}?)` : '';
}
