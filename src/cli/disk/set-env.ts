import type { Command } from 'commander';
import { ConvertError } from '../../error.ts';
import { definedOf } from '../../oci/execution.ts';
import { shellWord } from '../../shell-word.ts';
import { collectNames, parseEnv } from '../env.ts';
import { addGlobalOptions } from '../globals.ts';
import { diskArgument, editedText } from './edited.ts';

interface SetEnvOptions {
  readonly unset?: readonly string[];
}

export function addDiskSetEnv(disk: Command): void {
  const command = disk
    .command('set-env')
    .summary('set variables of its guest')
    .description(
      'Sets variables on the command line of a disk that has a kernel, and takes others away. All else ' +
        'of the line stays. A NAME without a value takes that of this environment.',
    )
    .argument(...diskArgument)
    .argument('[name=value...]', 'variables to set')
    .option('--unset <name>', 'take a variable away (repeatable)', collectNames)
    .addHelpText('after', examples);
  addGlobalOptions(command).action(setEnvCommand);
}

const examples = `
Examples:
  osv-convert disk set-env web.qcow2 ASPNETCORE_URLS=http://+:80
  osv-convert disk set-env web.qcow2 GREETING="dobrý den" --unset HOME`;

async function setEnvCommand(
  path: string,
  words: readonly string[],
  { unset = [] }: SetEnvOptions,
  command: Command,
): Promise<void> {
  const variables = parseEnv(words, process.env);
  const set = definedOf(variables);
  const gone = [...unset, ...[...variables.keys()].filter((name) => !set.has(name))];
  if (set.size + gone.length === 0) {
    throw new ConvertError(
      'USAGE',
      'changing the environment: found nothing to set, wanted NAME=VALUE or --unset NAME',
      { hint: `osv-convert disk inspect ${shellWord(path)}` },
    );
  }
  const both = unset.find((name) => set.has(name));
  if (both !== undefined) {
    const found = `found ${both} to set and to take away, wanted one of them`;
    throw new ConvertError('USAGE', `changing the environment: ${found}`);
  }
  const { withSession } = await import('../session.ts');
  const { setEnvironment } = await import('../../edit-disk.ts');
  await withSession(command, async ({ onEvent, signal, print }) => {
    const edited = await setEnvironment(path, { set, unset: gone }, { onEvent, signal });
    await print(edited, editedText(edited));
  });
}
