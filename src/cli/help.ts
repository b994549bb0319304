import { type Command, CommanderError } from 'commander';
import { ConvertError } from '../error.ts';
import { completeCommand, failAsUnknown } from './program.ts';
import { typedNameOf, usageError } from './usage-error.ts';

/** The command `help` of the tool, or of a command with others below it. */
export function defineHelp(help: Command): void {
  const isTop = help.parent?.parent === null;
  help
    .description('Prints the help of a command, or the list of all.')
    .argument('[command...]', `name of the command${isTop ? ', as in: help store gc' : ''}`)
    .action(helpCommand);
}

async function helpCommand(
  names: readonly string[],
  _options: unknown,
  command: Command,
): Promise<void> {
  let told = command.parent ?? command;
  for (const name of names) {
    const next = told.commands.find((one) => one.name() === name);
    if (next === undefined) return refuse(name, told);
    if (next !== command) await completeCommand(next);
    told = next;
  }
  told.outputHelp();
}

/** @throws ConvertError `USAGE`. */
function refuse(name: string, parent: Command): void {
  if (parent.commands.length > 0) {
    try {
      failAsUnknown(parent, name);
    } catch (error) {
      throw error instanceof CommanderError ? usageError(error, parent) : error;
    }
  }
  const typed = typedNameOf(parent);
  const found = JSON.stringify(name.length > 40 ? `${name.slice(0, 40)}…` : name);
  throw new ConvertError(
    'USAGE',
    `telling of a command of ${typed}: found ${found}, wanted no more words`,
    { hint: `${typed} --help` },
  );
}
