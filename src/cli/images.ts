import type { Command } from 'commander';
import { formatBytes, formatTable } from './format.ts';
import { addGlobalOptions } from './globals.ts';

export function defineImages(command: Command): void {
  command.description('Lists the images in the store. No network is used.');
  addGlobalOptions(command.addHelpText('after', examples)).action(imagesCommand);
}

const examples = `
Examples:
  osv-convert images
  osv-convert images --json | jq -r '.images[].reference'`;

async function imagesCommand(_options: unknown, command: Command): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { listImages } = await import('../pull/image.ts');
  await withSession(command, async ({ store, print }) => {
    const images = await listImages(store);
    const rows = images.map((image) => [
      image.reference,
      image.platform,
      image.digest.slice('sha256:'.length, 'sha256:'.length + 12),
      formatBytes(image.size),
    ]);
    await print({ images }, formatTable(['IMAGE', 'PLATFORM', 'DIGEST', 'SIZE'], rows));
  });
}
