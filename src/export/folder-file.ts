import { Buffer } from 'node:buffer';
import {
  closeSync,
  constants,
  fchmodSync,
  ftruncateSync,
  futimesSync,
  lutimesSync,
  openSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { encodeName } from '../../store/index.ts';
import { nonZeroRuns } from '../disk/runs.ts';
import type { Contents } from '../tree/contents.ts';
import type { Content, FileNode, SpecialNode, SymlinkNode } from '../tree/tree.ts';
import { timeOf } from './folder-settle.ts';

/** Bytes of a file that are read and written at one time. */
export const sliceSize = 1 << 20;

/** The block of most file systems: a shorter hole saves nothing. */
const holeUnit = 4096;

const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

export function makeLink(path: Buffer, node: SymlinkNode): void {
  symlinkSync(Buffer.from(encodeName(node.target)), path);
  lutimesSync(path, timeOf(node), timeOf(node));
}

/**
 * Makes a file of `mode`, which must not be there; a device or pipe becomes an empty one. Told are the
 * bytes of each piece that is written. Its mode comes after its content, which would take setuid away.
 */
export function* makeFile(
  path: Buffer,
  node: FileNode | SpecialNode,
  mode: number,
  contents: Contents,
  slice: Buffer,
): Generator<number, void> {
  const fd = openSync(path, newFile, 0o600);
  try {
    if (node.kind === 'file') yield* writeContent(fd, node.content, contents, slice);
    fchmodSync(fd, mode);
    futimesSync(fd, timeOf(node), timeOf(node));
  } finally {
    closeSync(fd);
  }
}

/** In sequence, so that the content is compared with its digest; what a layer has as holes stays holes. */
function* writeContent(
  fd: number,
  content: Content,
  contents: Contents,
  slice: Buffer,
): Generator<number, void> {
  const isSparse = content.kind === 'layer' && content.extents !== undefined;
  if (isSparse) ftruncateSync(fd, content.size);
  for (let at = 0; at < content.size; at += slice.length) {
    const piece = slice.subarray(0, content.size - at);
    contents.readInto(content, at, piece);
    const runs = isSparse ? nonZeroRuns(piece, holeUnit) : [{ start: 0, end: piece.length }];
    for (const { start, end } of runs) writeAll(fd, piece.subarray(start, end), at + start);
    yield piece.length;
  }
}

function writeAll(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, position + done);
  }
}
