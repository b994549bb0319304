import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { defaultLimits, type Entry, type FileEntry, type Limits } from '../../store/index.ts';
import { createTarReader } from '../../store/tar/reader.ts';

/** The entries of a tar that is pushed in pieces of these sizes, and what is left in one. */
export function readTar(
  tar: Uint8Array,
  limits: Partial<Limits> = {},
  sizes: readonly number[] = [],
): Entry[] {
  const entries: Entry[] = [];
  const reader = createTarReader((entry) => entries.push(entry), { ...defaultLimits, ...limits });
  let at = 0;
  for (const size of sizes) {
    // The reader must not keep what it is given: the next piece overwrites it.
    const piece = Buffer.from(tar.subarray(at, at + size));
    reader.push(piece);
    piece.fill(0xee);
    at += size;
  }
  reader.push(Buffer.from(tar.subarray(at)));
  reader.end();
  return entries;
}

export function sha256Of(bytes: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The bytes of a file as its entry places them. */
export function contentOf(tar: Uint8Array, { size, offset, extents }: FileEntry): Buffer {
  const bytes = Buffer.alloc(size);
  for (const extent of extents ?? [{ position: 0, offset, length: size }]) {
    bytes.set(tar.subarray(extent.offset, extent.offset + extent.length), extent.position);
  }
  return bytes;
}
