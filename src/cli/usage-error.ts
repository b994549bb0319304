import type { Command, CommanderError } from 'commander';
import { ConvertError } from '../error.ts';

/** What commander finds wrong, told as every other failure is: `USAGE`. */
export function usageError({ code, message }: CommanderError, program: Command): ConvertError {
  const typed = commandsOf(program);
  const found = message.replace(/^error: /, '').replaceAll('\n', ' ');
  const sentence =
    (code === 'commander.invalidArgument' && invalidOption(found)) ||
    `reading the command line: found ${found}${suggestion(found, typed)}`;
  return new ConvertError('USAGE', sentence, {
    hint: `${typed.map((command) => command.name()).join(' ')} --help`,
  });
}

/** The commands that were typed, each below the one before, as far as there are any of their names. */
function commandsOf(command: Command): readonly Command[] {
  const next = command.commands.find((one) => one.name() === command.args[0]);
  return next === undefined ? [command] : [command, ...commandsOf(next)];
}

/** Commander's sentence on a value that an option does not take, in the words of this tool. */
function invalidOption(found: string): string | undefined {
  const [, flags = '', value = '', wanted = ''] =
    /^option '([^']*)' argument '(.*)' is invalid\. (.*)$/s.exec(found) ?? [];
  const option = (/--[\w-]+/.exec(flags) ?? /^-\w/.exec(flags))?.[0];
  if (option === undefined) return undefined;
  const shown = JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  const words = wanted.replace(/^Allowed choices are (.*)\.$/, 'wanted one of $1');
  return `reading ${option}: found ${shown}, ${words}`;
}

/** find(1) has one dash before long names. */
function suggestion(found: string, typed: readonly Command[]): string {
  const word = /^unknown option '-([a-z][\w-]+)'/.exec(found)?.[1];
  const known = typed.flatMap(({ options }) => options.map(({ long }) => long));
  return word !== undefined && known.includes(`--${word}`) ? ` (Did you mean --${word}?)` : '';
}
