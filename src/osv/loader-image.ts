import type { SyncAccess } from '../tree/access.ts';
import { decompressFastlz } from './fastlz.ts';
import { kernelOffset } from './loader-layout.ts';

/** OSv, fastlz/lz.cc: the kernel is compressed in pieces of this. */
const pieceSize = 1 << 20;

/** A kernel has about ten. */
const maxPieces = 64;

interface Piece {
  readonly size: number;
  /** As many bytes as `size` where it is stored as it is. */
  readonly stored: number;
}

/**
 * The kernel's ELF out of a loader.img for x86_64, where it lies compressed inside a small program that
 * unpacks it (OSv, fastlz/lz.cc and lzloader.cc): a 32-bit offset, the pieces, and at the offset a table
 * with their number and two sizes of each.
 * @returns undefined when there is none.
 */
export function unpackLoader(loader: SyncAccess): Uint8Array | undefined {
  const bytes = loader.read(kernelOffset, Math.max(0, loader.size - kernelOffset));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 4 <= bytes.length; at += 1) {
    const pieces = piecesAt(view, at);
    if (pieces !== undefined) return unpack(bytes, at + 4, pieces);
  }
  return undefined;
}

/** No name leads to it in a stripped file; the sizes that must agree leave no doubt. */
function piecesAt(view: DataView, at: number): readonly Piece[] | undefined {
  const offset = view.getUint32(at, true);
  const table = at + offset;
  if (offset < 8 || table + 12 > view.byteLength) return undefined;
  const count = view.getUint32(table, true);
  if (count === 0 || count > maxPieces || table + 4 + count * 8 > view.byteLength) return undefined;
  const pieces = Array.from({ length: count }, (_, index) => ({
    size: view.getUint32(table + 4 + index * 8, true),
    stored: view.getUint32(table + 8 + index * 8, true),
  }));
  const isSound = pieces.every(
    ({ size, stored }, index) =>
      stored <= size && (index < count - 1 ? size === pieceSize : size <= pieceSize),
  );
  const stored = pieces.reduce((sum, piece) => sum + piece.stored, 0);
  return isSound && stored + 4 === offset ? pieces : undefined;
}

function unpack(
  bytes: Uint8Array,
  start: number,
  pieces: readonly Piece[],
): Uint8Array | undefined {
  const kernel = new Uint8Array(pieces.reduce((sum, { size }) => sum + size, 0));
  let from = start;
  let to = 0;
  for (const { size, stored } of pieces) {
    const input = bytes.subarray(from, from + stored);
    const output = stored < size ? decompressFastlz(input, size) : input;
    if (output === undefined) return undefined;
    kernel.set(output, to);
    from += stored;
    to += size;
  }
  return kernel;
}
