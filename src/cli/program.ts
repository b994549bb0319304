import { Command } from 'commander';
import { thisTool } from '../sbom/tool.ts';
import { commandGroups } from './commands.ts';
import { addGlobalOptions } from './globals.ts';
import { helpStyle } from './help-style.ts';

/** All commands by name; what else there is of one is loaded when it is typed. */
export function createProgram(): Command {
  const program = addGlobalOptions(new Command('osv-convert'))
    .description(
      'Converts OCI images of .NET apps to bootable OSv disks: no daemon, no root, no Docker.',
    )
    .version(thisTool().version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .enablePositionalOptions()
    .configureOutput({ outputError: () => undefined })
    .configureHelp(helpStyle)
    .exitOverride()
    .hook('preSubcommand', async (_program, command) => await completeCommand(command));
  for (const [heading, entries] of Object.entries(commandGroups)) {
    program.commandsGroup(heading);
    for (const { name, summary } of entries) program.command(name).summary(summary);
  }
  program.addHelpText('beforeAll', ({ command }) => refuseUnknown(command));
  // The build writes this help down once, so it is the same in every terminal.
  return program
    .configureHelp({ ...helpStyle, helpWidth: 80, subcommandTerm })
    .addHelpText('after', examples);
}

/** Loads what there is of a command but its name. Those below another came with it. */
export async function completeCommand(command: Command): Promise<void> {
  if (command.parent?.parent !== null) return;
  const entry = Object.values(commandGroups)
    .flat()
    .find(({ name }) => name === command.name());
  (await entry?.load())?.(command);
  if (command.commands.length > 0) {
    takeGlobalOptions(command);
    await addHelpBelow(command);
  }
  askLast(command);
}

/** Between the names of a group and its command; they are told of in the help of the command. */
function takeGlobalOptions(group: Command): void {
  for (const option of addGlobalOptions(group).options) option.hideHelp();
}

/** In the place of the one that commander would add, with words of its own. */
async function addHelpBelow(command: Command): Promise<void> {
  const { defineHelp } = await import('./help.ts');
  defineHelp(command.helpCommand(false).command('help').summary('print the help of a command'));
}

/** What is no command has no help: that of all commands would look as if it were its own. */
function refuseUnknown(command: Command): string {
  const { args, commands } = command;
  const [word = '-'] = args;
  const isKnown = word.startsWith('-') || commands.some((one) => one.name() === word);
  if (commands.length > 0 && !isKnown) failAsUnknown(command, word);
  return '';
}

/**
 * Fails as when `word`, which is no command below `parent`, is typed: with the names that are like it.
 * @throws CommanderError
 */
export function failAsUnknown(parent: Command, word: string): void {
  parent.parse(['--', word], { from: 'user' });
}

/** Commander tells what is missing before what is unknown: a misspelt `--output` would be missed, not shown. */
function askLast(command: Command): void {
  for (const option of command.options.filter(({ mandatory }) => mandatory)) {
    option.makeOptionMandatory(false);
    command.hook('preAction', () => {
      if (command.getOptionValue(option.attributeName()) !== undefined) return;
      command.error(`error: no ${option.flags}, wanted ${option.description}`);
    });
  }
  command.commands.forEach(askLast);
}

function subcommandTerm(command: Command): string {
  return command.name();
}

const examples = `
Examples:
  osv-convert kernel fetch                              get an OSv kernel, once
  osv-convert build mcr.microsoft.com/dotnet/samples:aspnetapp -o web.qcow2
  osv-convert run web.qcow2 -p 8080:8080

Exit codes: 0 done, 2 usage, 3 not found, 4 access denied, 5 network,
  6 corrupt input, 7 image not supported, 8 .NET runtime, 9 kernel, 10 output,
  11 store, 12 machine, 130 interrupted`;
