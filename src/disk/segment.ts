import type { SyncAccess } from '../tree/access.ts';
import type { Contents } from '../tree/contents.ts';
import type { Content } from '../tree/tree.ts';

/** A run of bytes of a disk and where they come from. */
export interface Segment {
  /** In bytes from the start of the disk. */
  readonly offset: number;
  readonly length: number;
  readonly source: SegmentSource;
}

export type SegmentSource =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'content'; readonly content: Content }
  /** The bytes of another file from `offset` on, such as a kernel's. */
  | { readonly kind: 'access'; readonly access: SyncAccess; readonly offset: number };

/** A piece of a disk. `bytes` is only valid until the next piece is asked for. */
export interface Piece {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** Of the buffer that segments are gathered in; a multiple of every format's allocation unit. */
export const pieceSize = 1 << 20;

/**
 * The disk in pieces that begin at multiples of `pieceSize`, ascending, the last cut at `size`. Pieces in
 * which no segment lies are left out: they are zeros. Segments must ascend and not overlap.
 *
 * @throws what `Contents.readInto` throws; RangeError when an access ends early.
 */
export function* pieces(
  segments: Iterable<Segment>,
  size: number,
  contents: Contents,
): Generator<Piece, void, undefined> {
  const buffer = Buffer.alloc(pieceSize);
  let start = 0;
  /** Of the piece; what lies behind is still of the one before. */
  let filled = 0;
  const finished = (): Piece => {
    buffer.fill(0, filled);
    return { offset: start, bytes: buffer.subarray(0, size - start) };
  };

  for (const segment of segments) {
    let done = 0;
    while (done < segment.length) {
      const offset = segment.offset + done;
      if (offset >= start + pieceSize) {
        if (filled > 0) yield finished();
        start = offset - (offset % pieceSize);
        filled = 0;
      }
      const from = offset - start;
      const target = buffer.subarray(from, from + segment.length - done);
      buffer.fill(0, filled, from);
      read(segment.source, done, target, contents);
      done += target.length;
      filled = from + target.length;
    }
  }
  if (filled > 0) yield finished();
}

function read(
  source: SegmentSource,
  position: number,
  target: Uint8Array,
  contents: Contents,
): void {
  switch (source.kind) {
    case 'bytes':
      target.set(source.bytes.subarray(position, position + target.length));
      return;
    case 'content':
      contents.readInto(source.content, position, target);
      return;
    case 'access': {
      const bytes = source.access.read(source.offset + position, target.length);
      if (bytes.length !== target.length) {
        throw new RangeError(`${bytes.length} bytes of a file, wanted ${target.length}`);
      }
      target.set(bytes);
    }
  }
}
