import type { Command } from 'commander';
import { countedReferrers } from './counted-referrers.ts';
import { parseFile } from './file-argument.ts';
import { printable } from './format.ts';
import { addGlobalOptions } from './globals.ts';
import { refuseStream } from './no-stream.ts';
import { withDigest } from './with-digest.ts';

export function defineLoad(command: Command): void {
  command
    .description(
      'Brings the images of an OCI image layout, an OCI archive or a docker-archive (also gzip or ' +
        'zstd) into the store under the names they have there, with the signatures and SBOMs that ' +
        'refer to them.',
    )
    .argument('<path>', 'the folder or the file', parseFile)
    .argument('[name]', 'only the image of this name (default: all)');
  addGlobalOptions(command.addHelpText('after', examples)).action(loadCommand);
}

const examples = `
Examples:
  osv-convert load web.tar
  osv-convert load ./layout web:1.0`;

async function loadCommand(
  path: string,
  name: string | undefined,
  _options: unknown,
  command: Command,
): Promise<void> {
  refuseStream('loading images', path, 'stdin', 'osv-convert load /dev/stdin');
  const { withSession } = await import('./session.ts');
  const { load } = await import('../copy/load.ts');
  await withSession(command, async ({ store, onEvent, signal, print }) => {
    const images = await load(store, path, { ...(name && { name }), onEvent, signal });
    const lines = images.map(
      ({ reference, digest, platform }) =>
        `${printable(withDigest(reference, digest))} (${platform})\n`,
    );
    const came = images.flatMap(({ referrers = [] }) => referrers.map(({ digest }) => digest));
    const counted = countedReferrers(came.length === 0 ? undefined : [...new Set(came)]);
    await print({ images }, lines.join('') + counted);
  });
}
