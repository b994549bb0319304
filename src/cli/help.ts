import type { Command } from 'commander';
import { ConvertError } from '../error.ts';
import { completeCommand } from './program.ts';

export function defineHelp(command: Command): void {
  command
    .description('Prints the help of a command, or the list of all.')
    .argument('[command...]', 'name of the command, as in: help store gc')
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
    if (next === undefined) throw unknownCommand(name, told);
    if (next !== command) await completeCommand(next);
    told = next;
  }
  told.outputHelp();
}

function unknownCommand(name: string, parent: Command): ConvertError {
  const found = JSON.stringify(name.length > 40 ? `${name.slice(0, 40)}…` : name);
  const wanted = parent.commands.length > 0 ? 'one of its commands' : 'no more words';
  const words = parent.parent === null ? [parent.name()] : [parent.parent.name(), parent.name()];
  return new ConvertError(
    'USAGE',
    `telling of a command of ${words.join(' ')}: found ${found}, wanted ${wanted}`,
    { hint: `${words.join(' ')} --help` },
  );
}
