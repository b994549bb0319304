import type { Command } from 'commander';
import { formatBytes } from './format.ts';
import { addGlobalOptions } from './globals.ts';
import { addSourceOptions, type SourceOptions } from './source-options.ts';

export function addPull(program: Command): void {
  const command = program
    .command('pull')
    .summary('bring an image into the store')
    .description(
      'Brings an image into the store: manifest, config and layers, each verified, then unpacked.',
    )
    .argument('<ref>', 'image, such as mcr.microsoft.com/dotnet/samples:aspnetapp');
  addGlobalOptions(addSourceOptions(command)).action(pullCommand);
}

async function pullCommand(ref: string, options: SourceOptions, command: Command): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { pull } = await import('../pull.ts');
  await withSession(command, async ({ store, onEvent, signal, print }) => {
    const image = await pull(store, ref, { ...options, onEvent, signal });
    const size = image.manifest.layers.reduce((total, layer) => total + layer.size, 0);
    await print(
      { reference: image.name, digest: image.descriptor.digest, platform: image.platform, size },
      `${image.name}@${image.descriptor.digest} (${image.platform}, ${formatBytes(size)})\n`,
    );
  });
}
