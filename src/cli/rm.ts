import type { Command } from 'commander';
import { printable } from './format.ts';
import { addGlobalOptions } from './globals.ts';

export function defineRm(command: Command): void {
  command
    .description(
      'Takes names of images out of the store. Their blobs and layers stay until "store gc".',
    )
    .argument('<ref...>', 'names of images in the store');
  addGlobalOptions(command.addHelpText('after', examples)).action(rmCommand);
}

const examples = `
Example:
  osv-convert rm web:1.0 && osv-convert store gc`;

async function rmCommand(
  refs: readonly string[],
  _options: unknown,
  command: Command,
): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { removeImages } = await import('../copy/stored-names.ts');
  await withSession(command, async ({ store, onEvent, print }) => {
    const removed = await removeImages(store, refs);
    await print({ removed }, removed.map((name) => `${printable(name)}\n`).join(''));
    onEvent({ event: 'stage', text: 'what they leave behind is freed by: osv-convert store gc' });
  });
}
