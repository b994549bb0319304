import type { Command } from 'commander';
import type { ObtainOptions } from './source-options.ts';
import { addViewOptions, subjectArgument, withViewing } from './viewing.ts';

export function defineCat(command: Command): void {
  command
    .description(
      'Prints the bytes of files as they are, one after the other, links followed. Every byte of an ' +
        'image is verified before the first is printed. --json changes nothing but how a failure is told.',
    )
    .argument(...subjectArgument)
    .argument('<path...>', 'regular files')
    .addHelpText('after', examples);
  addViewOptions(command).action(catCommand);
}

const examples = `
Examples:
  osv-convert cat mcr.microsoft.com/dotnet/runtime-deps:10.0 /etc/os-release
  osv-convert cat web.raw /app/web.dll | sha256sum`;

async function catCommand(
  subject: string,
  paths: readonly string[],
  options: ObtainOptions,
  command: Command,
): Promise<void> {
  const { cat } = await import('../look/cat.ts');
  await withViewing(command, subject, options, async ({ view, signal, write }) => {
    await cat(view, paths, { write, signal });
  });
}
