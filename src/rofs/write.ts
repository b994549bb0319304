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

function* structureInfo(plan: RofsPlan): Generator<Uint8Array, void, undefined> {
  let piece = Buffer.alloc(pieceSize);
  let end = 0;
  for (const [size, put] of records(plan)) {
    if (end + size > pieceSize) {
      yield piece.subarray(0, end);
      piece = Buffer.alloc(pieceSize);
      end = 0;
    }
    end = put(piece, end);
  }
  yield piece.subarray(0, end);
}

/** Each record's size and how it is written, in the order of the format. */
function* records(
  plan: RofsPlan,
): Generator<readonly [number, (target: Buffer, offset: number) => number], void, undefined> {
  for (const entry of plan.entries) {
    yield [
      entryHeaderSize + entry.name.length,
      (target, offset) => putEntry(target, offset, entry),
    ];
  }
  for (const link of plan.symlinks) {
    yield [symlinkHeaderSize + link.length, (target, offset) => putSymlink(target, offset, link)];
  }
  for (const inode of plan.inodes) {
    yield [inodeSize, (target, offset) => putInode(target, offset, inode)];
  }
}
