import type { Content } from '../tree/tree.ts';
import {
  blockSize,
  encodeSuperblock,
  entryHeaderSize,
  inodeSize,
  putEntry,
  putInode,
  putSymlink,
  symlinkHeaderSize,
} from './format.ts';
import type { RofsPlan } from './plan.ts';

/** A run of bytes of the file system, known or to be read from a tree's contents. */
export interface RofsSegment {
  /** In bytes from the start of the file system. */
  readonly offset: number;
  readonly length: number;
  readonly source:
    | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
    | { readonly kind: 'content'; readonly content: Content };
}

/** Structure info comes in pieces of at most this: a million files have 60 MB of it. */
const pieceSize = 1 << 20;

/** All that is not zero, ascending and made as it is asked for. What lies between segments is zeros. */
export function* rofsSegments(plan: RofsPlan): Generator<RofsSegment, void, undefined> {
  yield bytesAt(0, encodeSuperblock(plan.superblock));
  for (const { block, content } of plan.data) {
    const offset = block * blockSize;
    yield { offset, length: content.size, source: { kind: 'content', content } };
  }
  let offset = plan.superblock.infoFirstBlock * blockSize;
  for (const piece of structureInfo(plan)) {
    yield bytesAt(offset, piece);
    offset += piece.length;
  }
}

function bytesAt(offset: number, bytes: Uint8Array): RofsSegment {
  return { offset, length: bytes.length, source: { kind: 'bytes', bytes } };
}

function* structureInfo({
  entries,
  symlinks,
  inodes,
}: RofsPlan): Generator<Uint8Array, void, undefined> {
  let piece = Buffer.alloc(pieceSize);
  let end = 0;
  for (const table of [
    tableOf(entries, ({ name }) => entryHeaderSize + name.length, putEntry),
    tableOf(symlinks, (target) => symlinkHeaderSize + target.length, putSymlink),
    tableOf(inodes, () => inodeSize, putInode),
  ]) {
    for (end = table.fill(piece, end); !table.isDone(); end = table.fill(piece, 0)) {
      yield piece.subarray(0, end);
      piece = Buffer.alloc(pieceSize);
    }
  }
  yield piece.subarray(0, end);
}

interface Table {
  /** Writes records from `offset` on, as long as they fit; returns the offset behind them. */
  fill(target: Buffer, offset: number): number;
  isDone(): boolean;
}

function tableOf<T extends object>(
  records: readonly T[],
  sizeOf: (record: T) => number,
  put: (target: Buffer, offset: number, record: T) => number,
): Table {
  let next = 0;
  return {
    fill(target, offset) {
      let end = offset;
      for (
        let record = records[next];
        record !== undefined && end + sizeOf(record) <= target.length;
        record = records[next]
      ) {
        end = put(target, end, record);
        next += 1;
      }
      return end;
    },
    isDone: () => next === records.length,
  };
}
