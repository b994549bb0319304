import { type Command, Option } from 'commander';
import type { SaveFormat } from '../copy/save.ts';
import { shellWord } from '../shell-word.ts';
import { countedReferrers } from './counted-referrers.ts';
import { addGlobalOptions } from './globals.ts';
import { refuseStream } from './no-stream.ts';
import { addReachOptions, type ReachOptions, registryOptionsOf } from './source-options.ts';
import { withDigest } from './with-digest.ts';

interface SaveCommandOptions extends ReachOptions {
  readonly output: string;
  readonly format?: SaveFormat;
  readonly platform?: string;
  readonly referrers?: boolean;
}

export function defineSave(command: Command): void {
  command
    .description(
      'Copies images, byte for byte, to an OCI image layout (a folder), an OCI archive or a ' +
        'docker-archive, which docker, podman, skopeo and `osv-convert load` read.',
    )
    .argument('<ref...>', 'names of images in the store, or locations such as oci:DIR:TAG')
    .requiredOption('-o, --output <path>', 'the file to write, or the folder to add to')
    .addOption(
      new Option(
        '--format <format>',
        'what to write (default: oci for a folder or a name that ends in /, else oci-archive)',
      ).choices(['oci', 'oci-archive', 'docker-archive']),
    )
    .option(
      '--platform <os/arch>',
      'only this platform (default: all; of a docker-archive linux/amd64)',
    )
    .option(
      '--referrers',
      'save what refers to the images in the store too: signatures, SBOMs (see pull --referrers)',
    );
  addGlobalOptions(addReachOptions(command.addHelpText('after', examples))).action(saveCommand);
}

const examples = `
Examples:
  osv-convert save web:1.0 -o web.tar
  osv-convert save web:1.0 -o web.tar --referrers
  osv-convert save web:1.0 -o web.tar --format docker-archive
  osv-convert save web:1.0 web:1.1 -o layout/`;

async function saveCommand(
  refs: readonly string[],
  options: SaveCommandOptions,
  command: Command,
): Promise<void> {
  const names = refs.map(shellWord).join(' ');
  const instead = `osv-convert store export ${names} -o -`;
  refuseStream('saving images', options.output, 'stdout', instead);
  const { withSession } = await import('./session.ts');
  const { save } = await import('../copy/save.ts');
  await withSession(command, async ({ store, onEvent, signal, print }) => {
    const { output, format, platform, referrers = false } = options;
    const saved = await save(store, refs, output, {
      ...(format && { format }),
      ...(platform && { platform }),
      referrers,
      registry: registryOptionsOf(options),
      onEvent,
      signal,
    });
    const lines = saved.images.map(({ reference, digest }) => `${withDigest(reference, digest)}\n`);
    const counted = countedReferrers(saved.referrers);
    await print(saved, `${output}: ${saved.format}\n${lines.join('')}${counted}`);
  });
}
