import { type Command, Option } from 'commander';
import { encodeName } from '../../../store/index.ts';
import { ConvertError } from '../../error.ts';
import { shellWord } from '../../shell-word.ts';
import { collect } from '../env.ts';
import { addGlobalOptions } from '../globals.ts';
import { diskArgument, editedText } from './edited.ts';

interface SetCmdlineOptions {
  readonly program?: string;
  readonly arg?: readonly string[];
  /** False with --no-args. */
  readonly args: boolean;
  readonly cwd?: string;
}

export function addDiskSetCmdline(disk: Command): void {
  const command = disk
    .command('set-cmdline')
    .summary('change what a disk runs')
    .description(
      'Changes the command line of a disk that has a kernel: the whole line as OSv reads it, or the ' +
        'program, its words or its working directory, written as OSv needs it; options and variables then stay.',
    )
    .argument(...diskArgument)
    .argument('[line]', 'the whole line; behind -- where it begins with an option')
    .option('--program <path>', 'what to run, absolute')
    .option('--arg <word>', 'a word of the program, in place of those it has (repeatable)', collect)
    .addOption(new Option('--no-args', 'no words').conflicts('arg'))
    .option('--cwd <path>', 'working directory, absolute')
    .addHelpText('after', examples);
  addGlobalOptions(command).action(setCmdlineCommand);
}

const examples = `
Examples:
  osv-convert disk set-cmdline web.raw --arg=/app/web.dll --arg=--verbose
  osv-convert disk set-cmdline web.raw \\
    -- '--rootfs=rofs --power-off-on-abort /app/hello a "b c" !'`;

async function setCmdlineCommand(
  path: string,
  line: string | undefined,
  options: SetCmdlineOptions,
  command: Command,
): Promise<void> {
  const change = changeOf(path, line, options);
  const { withSession } = await import('../session.ts');
  const { setCommandLine } = await import('../../edit-disk.ts');
  await withSession(command, async ({ onEvent, signal, print }) => {
    const edited = await setCommandLine(path, change, { onEvent, signal });
    await print(edited, editedText(edited));
  });
}

function changeOf(
  path: string,
  line: string | undefined,
  { program, arg, args, cwd }: SetCmdlineOptions,
) {
  const words = args ? arg : [];
  const parts = {
    ...(program !== undefined && { program }),
    ...(words !== undefined && { args: words }),
    ...(cwd !== undefined && { cwd }),
  };
  const isPart = Object.keys(parts).length > 0;
  if (isPart === (line !== undefined)) {
    throw new ConvertError(
      'USAGE',
      `changing the command line: found ${isPart ? 'a line and parts of one' : 'nothing to change'}, wanted LINE, or --program, --arg, --no-args, --cwd`,
      { hint: `osv-convert disk inspect ${shellWord(path)}` },
    );
  }
  return line === undefined ? parts : encodeName(line);
}
