import { Buffer } from 'node:buffer';
import { archive } from '../tar-builder.ts';
import { compression } from './compression.ts';
import { escapes } from './escapes.ts';
import { file, type Hazards, whiteout } from './hazard.ts';
import { links } from './links.ts';
import { names } from './names.ts';
import { sparse } from './sparse.ts';
import { tarForms } from './tar-forms.ts';
import { whiteouts } from './whiteouts.ts';

/** Each has its layers and its golden in fixtures/layers. */
export const hazards: Hazards = {
  ...tarForms,
  ...names,
  ...sparse,
  ...links,
  ...whiteouts,
  ...escapes,
  ...compression,
};

/** As many layers as overlayfs stacks; too many files to keep, so that they are made when wanted. */
export const manyLayers: readonly Uint8Array[] = Array.from({ length: 127 }, (_, number) =>
  archive(
    file('top', `layer ${number}`),
    file(`only-${number}`, ''),
    ...(number === 0 ? [] : [whiteout(`only-${number - 1}`)]),
    file(`shared/${number}`, ''),
  ),
);

/** Names of the files in fixtures/layers that hold the layers of a hazard, lowest first. */
export function filesOf(
  name: string,
  layers: readonly Uint8Array[],
): ReadonlyMap<string, Uint8Array> {
  return new Map(
    layers.map((bytes, at) => [
      `${name}${layers.length > 1 ? `.${at + 1}` : ''}${suffixOf(bytes)}`,
      bytes,
    ]),
  );
}

function suffixOf(bytes: Uint8Array): string {
  const head = Buffer.from(bytes.subarray(0, 4)).toString('hex');
  if (head.startsWith('1f8b')) return '.tar.gz';
  if (head === '28b52ffd' || /^5.2a4d18$/.test(head)) return '.tar.zst';
  if (head === 'fd377a58') return '.tar.xz';
  return head.startsWith('425a68') ? '.tar.bz2' : '.tar';
}
