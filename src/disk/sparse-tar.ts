import type { Run } from './runs.ts';

/*
 * A sparse file in the old format of GNU tar (its manual, "Old GNU Format"; tar.h: oldgnu_header, sparse_header),
 * which Compute Engine reads, and of sparse formats no other.
 */

const blockSize = 512;
const runsInHeader = 4;
const runsInBlock = 21;
const runSize = 24;

/** The header blocks of a file of `size` bytes, of which only those of `runs` follow. */
export function sparseHeader(name: string, size: number, runs: readonly Run[]): Buffer {
  // A last run without bytes says where the file ends.
  const map = runs.at(-1)?.end === size ? runs : [...runs, { start: size, end: size }];
  const rest = map.slice(runsInHeader);
  const blocks = Array.from({ length: Math.ceil(rest.length / runsInBlock) }, (_, index) =>
    rest.slice(index * runsInBlock, (index + 1) * runsInBlock),
  );
  return Buffer.concat([
    headerBlock(name, size, map, blocks.length > 0),
    ...blocks.map((some, index) => mapBlock(some, index < blocks.length - 1)),
  ]);
}

function headerBlock(name: string, size: number, map: readonly Run[], continues: boolean): Buffer {
  const block = Buffer.alloc(blockSize);
  block.write(name, 0, 100, 'utf8');
  putNumber(block, 100, 8, 0o644);
  putNumber(block, 108, 8, 0);
  putNumber(block, 116, 8, 0);
  putNumber(
    block,
    124,
    12,
    map.reduce((sum, { start, end }) => sum + end - start, 0),
  );
  putNumber(block, 136, 12, 0);
  block.write('S', 156, 'latin1');
  block.write('ustar  \0', 257, 'latin1');
  putRuns(block, 386, map.slice(0, runsInHeader));
  block.writeUInt8(continues ? 1 : 0, 482);
  putNumber(block, 483, 12, size);
  block.fill(' ', 148, 156);
  const sum = block.reduce((all, byte) => all + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function mapBlock(runs: readonly Run[], continues: boolean): Buffer {
  const block = Buffer.alloc(blockSize);
  putRuns(block, 0, runs);
  block.writeUInt8(continues ? 1 : 0, runsInBlock * runSize);
  return block;
}

function putRuns(block: Buffer, at: number, runs: readonly Run[]): void {
  for (const [index, { start, end }] of runs.entries()) {
    putNumber(block, at + index * runSize, 12, start);
    putNumber(block, at + index * runSize + 12, 12, end - start);
  }
}

/** Octal, or in bytes behind a first bit where it is too large for that (GNU, "base-256"). */
function putNumber(block: Buffer, at: number, length: number, value: number): void {
  if (value < 8 ** (length - 1)) {
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
    return;
  }
  block.writeUInt8(0x80, at);
  block.writeBigUInt64BE(BigInt(value), at + length - 8);
}
