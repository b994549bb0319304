import type { Command } from 'commander';
import { addGlobalOptions } from './globals.ts';
import { withDigest } from './with-digest.ts';

export function defineTag(command: Command): void {
  command
    .description(
      'Gives an image in the store a second name, which may be that of a registry to push it to.',
    )
    .argument('<ref>', 'the name of an image in the store')
    .argument('<new>', 'the second name, as [HOST[:PORT]/]NAME[:TAG]');
  addGlobalOptions(command.addHelpText('after', examples)).action(tagCommand);
}

const examples = `
Example:
  osv-convert tag web:1.0 registry.example/web:1.0`;

async function tagCommand(
  ref: string,
  newName: string,
  _options: unknown,
  command: Command,
): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { tagImage } = await import('../copy/stored-names.ts');
  const { refuseLocal } = await import('./registry-only.ts');
  refuseLocal(`tagging ${ref} as ${newName}`, newName);
  await withSession(command, async ({ store, print }) => {
    const { reference, images } = await tagImage(store, ref, newName);
    const digests = images.map(({ digest }) => digest);
    await print(
      { reference, digests },
      digests.map((digest) => `${withDigest(reference, digest)}\n`).join(''),
    );
  });
}
