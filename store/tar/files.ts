import type { Entry, EntryPath } from '../entry.ts';
import type { Limits } from '../limits.ts';
import { createTarReader } from './reader.ts';

/** A file of a tar, which goes by once. */
export interface TarFile {
  readonly path: EntryPath;
  /** In bytes. */
  readonly size: number;
  /** Each chunk may be overwritten by the next. What is not read is passed over. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

type Piece =
  | { readonly kind: 'begin'; readonly path: EntryPath; readonly size: number }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' };

/**
 * The files of an uncompressed tar, one after the other, in no more memory than a chunk of it.
 * `onOther` is told of what is no file, or one with holes.
 * @throws StoreError `LAYER_CORRUPT`, `LAYER_LIMIT`; what `onOther` throws.
 */
export async function* tarFiles(
  tar: AsyncIterable<Uint8Array>,
  limits: Limits,
  onOther: (entry: Entry) => void,
): AsyncGenerator<TarFile, void> {
  const pieces = piecesOf(tar, limits, onOther);
  try {
    for (;;) {
      const begin = await pieces.next();
      if (begin.done) return;
      if (begin.value.kind !== 'begin') continue;
      const { path, size } = begin.value;
      yield { path, size, bytes: bytesOf(pieces) };
    }
  } finally {
    await pieces.return();
  }
}

/** Up to the end of the file that has begun. Not a loop over the pieces, whose end would be theirs. */
async function* bytesOf(pieces: AsyncIterator<Piece>): AsyncGenerator<Uint8Array, void> {
  for (;;) {
    const { value, done } = await pieces.next();
    if (done || value.kind !== 'bytes') return;
    yield value.bytes;
  }
}

async function* piecesOf(
  tar: AsyncIterable<Uint8Array>,
  limits: Limits,
  onOther: (entry: Entry) => void,
): AsyncGenerator<Piece, void> {
  const pieces: Piece[] = [];
  const reader = createTarReader(onOther, limits, (path, size) => {
    pieces.push({ kind: 'begin', path, size });
    return {
      bytes: (bytes) => pieces.push({ kind: 'bytes', bytes }),
      end: () => pieces.push({ kind: 'end' }),
    };
  });
  for await (const chunk of tar) {
    reader.push(chunk);
    yield* pieces.splice(0);
  }
  reader.end();
}
