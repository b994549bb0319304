import { tarEnd, tarHeader, tarPadding } from '../../store/index.ts';
import { directory, file, type LayerItem, symlink } from '../support/layers.ts';
import { seededRandom } from '../support/seeded-random.ts';

/** A layer of `items`, in pieces of about a megabyte. */
export function* tarOfItems(items: Iterable<LayerItem>): Generator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let size = 0;
  for (const { entry, bytes } of items) {
    const member = [tarHeader(entry), bytes, tarPadding(bytes.length)];
    parts.push(...member);
    size += member.reduce((sum, part) => sum + part.length, 0);
    if (size < 2 ** 20) continue;
    yield Buffer.concat(parts);
    parts = [];
    size = 0;
  }
  yield Buffer.concat([...parts, tarEnd]);
}

/**
 * Entries with little in them, the `layer`th lot of them: folders of twenty, as libraries have, with
 * a few links, many small files, many that are empty.
 */
export function* manyEntries(count: number, layer = 0): Generator<LayerItem> {
  for (let at = 0; at < count; at += 1) {
    const folder = `usr/share/application-${layer}/part-${Math.floor(at / 2000)}/folder-${Math.floor(at / 20)}`;
    const path = `${folder}/some-library-file-${at}.dll`;
    const attributes = { mtime: 1_700_000_000 + at };
    if (at % 20 === 0) yield directory(folder, attributes);
    else if (at % 20 === 1) yield symlink(path, `some-library-file-${at + 1}.dll`, attributes);
    else yield file(path, at % 2 === 0 ? '' : `the content of file ${at}\n`.repeat(8), attributes);
  }
}

/** Files of 1 to 21 kB in folders of fifty, which gzip makes half as large. */
export function* manyFiles(count: number): Generator<LayerItem> {
  const random = seededRandom(count);
  const text = noise(3000, random).toString('hex');
  for (let at = 0; at < count; at += 1) {
    const half = (1000 + ((at * 7919) % 20_000)) >> 1;
    const bytes = Buffer.concat([noise(half, random), Buffer.from(text.slice(0, half))]);
    yield file(`usr/share/library-${at % (count / 50)}/file-${at}.dll`, bytes);
  }
}

/** Text that gzip makes three or four times smaller, as scripts and styles of a site are. */
export function textOf(size: number, seed: number): string {
  const random = seededRandom(seed);
  let text = '';
  while (text.length < size) {
    const word = words[Math.floor(random() ** 2 * words.length)] ?? '';
    text += `${word}${random() < 0.1 ? `_${Math.floor(random() * 1e6)};\n` : ' '}`;
  }
  return text.slice(0, size);
}

/** Made-up words of 2 to 12 letters; the first ones are used most. */
const words = Array.from({ length: 500 }, (_, at) => {
  const random = seededRandom(at);
  const letter = (): string => 'etaoinshrdlucmfwypvbgkjqxz'.charAt(Math.floor(random() ** 2 * 26));
  return Array.from({ length: 2 + Math.floor(random() * 11) }, letter).join('');
});

function noise(size: number, random: () => number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at += 1) bytes[at] = random() * 256;
  return bytes;
}
