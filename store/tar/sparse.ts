import type { Buffer } from 'node:buffer';
import type { Extent } from '../entry.ts';
import type { Limits } from '../limits.ts';
import { corruptTar, tarOverLimit } from './error.ts';
import { blockSize, type Header, sparseFieldsOf } from './header.ts';
import { parseDecimal, parseNumber } from './number.ts';
import { type PaxRecords, sparseMapKey } from './pax.ts';

/** A run of stored bytes: where it lies in the file, and how long it is. */
export interface Run {
  readonly position: number;
  readonly length: number;
}

/** How a file's map of holes is written (GNU tar manual, "Sparse Formats"). */
export type SparseForm =
  /** Type `S`: in the header, and in blocks that follow it while `continues`. */
  | { readonly kind: 'gnu'; readonly realSize: number; runs: Run[]; readonly continues: boolean }
  /** PAX 0.0 and 0.1: in the extended header. */
  | { readonly kind: 'pax'; readonly realSize: number; readonly runs: readonly Run[] }
  /** PAX 1.0: as decimal lines at the head of the body, padded to a block. */
  | { readonly kind: 'body'; readonly realSize: number };

/** Star writes type `S` with another map, which Go's archive/tar refuses too. */
export function gnuSparseForm(header: Header): SparseForm {
  if (header.format !== 'gnu') {
    throw corruptTar(header.position, `a sparse file in a ${header.format} header`, 'a GNU one');
  }
  const { map, continues, realSize } = sparseFieldsOf(header);
  if (realSize < 0) {
    throw corruptTar(header.position, `a sparse file of ${realSize} bytes`, 'no size below 0');
  }
  return { kind: 'gnu', realSize, continues, runs: parseGnuMap(map, header.position) };
}

/** A block of an old GNU map after the header: 21 pairs, and whether another block follows. */
export function parseGnuMapBlock(
  block: Buffer,
  position: number,
): { readonly runs: Run[]; readonly continues: boolean } {
  return { runs: parseGnuMap(block.subarray(0, 504), position), continues: block[504] !== 0 };
}

/** Pairs of 12-byte numbers; the first empty one ends the map. */
function parseGnuMap(map: Buffer, position: number): Run[] {
  const runs: Run[] = [];
  for (let at = 0; at + 24 <= map.length && map[at] !== 0; at += 24) {
    runs.push(
      run(
        parseNumber(map.subarray(at, at + 12)),
        parseNumber(map.subarray(at + 12, at + 24)),
        position,
      ),
    );
  }
  return runs;
}

/**
 * As Go's archive/tar reads it, and what readers disagree about is refused.
 * @returns undefined when the extended header speaks of no sparse file.
 */
export function paxSparseForm(records: PaxRecords, position: number): SparseForm | undefined {
  const text = (key: string) => records.get(key)?.toString('latin1') || undefined;
  const [major, minor, map] = ['GNU.sparse.major', 'GNU.sparse.minor', sparseMapKey].map(text);
  const version = major === undefined && minor === undefined ? '' : `${major ?? ''}.${minor ?? ''}`;
  if (version === '' && map === undefined) {
    const stray = sparseNames.find((key) => text(key) !== undefined);
    if (stray === undefined) return undefined;
    throw corruptTar(position, `${stray} without a sparse map`, 'both or none');
  }
  const number = (key: string) => {
    const value = parseDecimal(text(key) ?? '');
    if (value !== undefined) return value;
    throw corruptTar(position, `${JSON.stringify(text(key))} as ${key}`, 'a decimal number');
  };
  const sizes = sizeNames.filter((key) => text(key) !== undefined);
  const realSize = number(sizes[0] ?? sizeNames[0]);
  if (sizes.some((key) => number(key) !== realSize)) {
    throw corruptTar(position, 'a sparse file of two sizes', 'one');
  }
  switch (version) {
    case '1.0':
      return { kind: 'body', realSize };
    case '':
    case '0.0':
    case '0.1': {
      const runs = pairs(map?.split(',') ?? [], position);
      const count = number('GNU.sparse.numblocks');
      if (runs.length === count) return { kind: 'pax', realSize, runs };
      throw corruptTar(position, `a sparse map of ${runs.length} runs`, `${count}`);
    }
    default:
      throw corruptTar(position, `sparse format ${version}`, '0.0, 0.1 or 1.0');
  }
}

const sizeNames = ['GNU.sparse.size', 'GNU.sparse.realsize'] as const;
const sparseNames = [...sizeNames, 'GNU.sparse.name', 'GNU.sparse.numblocks'];

/** Of the digits of 64 bits. */
const longestNumber = 20;

/**
 * Reads the map of format 1.0 from the head of a body, block by block: a line with the number of
 * runs, then two lines a run.
 * @returns undefined while more blocks are needed.
 */
export function createBodyMap(
  position: number,
  limits: Limits,
): (block: Buffer) => readonly Run[] | undefined {
  const lines: string[] = [];
  let partial = '';
  let read = 0;
  return (block) => {
    read += blockSize;
    if (read > limits.extendedHeader) {
      throw tarOverLimit(position, `a sparse map of ${read} bytes`, limits, 'extendedHeader');
    }
    const found = (partial + block.toString('latin1')).split('\n');
    partial = found.pop() ?? '';
    lines.push(...found);
    const count = lines[0] === undefined ? Number.POSITIVE_INFINITY : parseDecimal(lines[0]);
    if (count === undefined) {
      throw corruptTar(position, `a sparse map of ${JSON.stringify(lines[0])} runs`, 'a number');
    }
    if (lines.length > 2 * count) return pairs(lines.slice(1, 1 + 2 * count), position);
    // One line over many blocks would be joined anew at each of them.
    if (partial.length > longestNumber) {
      throw corruptTar(position, `${partial.length} bytes of a line of a sparse map`, 'a number');
    }
    return undefined;
  };
}

/**
 * Where the stored bytes lie, empty runs left out.
 * @throws StoreError `LAYER_CORRUPT` unless the runs ascend, do not overlap, end within the file
 * and together are exactly the bytes stored.
 */
export function extentsOf(
  runs: readonly Run[],
  realSize: number,
  offset: number,
  stored: number,
  position: number,
): readonly Extent[] {
  const extents: Extent[] = [];
  let end = 0;
  let taken = 0;
  for (const { position: start, length } of runs) {
    if (start < end || start + length > realSize) {
      const limits = `one within ${end} and ${realSize}`;
      throw corruptTar(position, `a sparse run of ${length} bytes at ${start}`, limits);
    }
    if (length > 0) {
      extents.push({ position: start, offset: offset + taken, length });
    }
    end = start + length;
    taken += length;
  }
  if (taken !== stored) {
    throw corruptTar(position, `a sparse map of ${taken} bytes over ${stored} stored`, 'as many');
  }
  return extents;
}

function pairs(numbers: readonly string[], position: number): Run[] {
  const runs: Run[] = [];
  for (let at = 0; at < numbers.length; at += 2) {
    runs.push(run(parseDecimal(numbers[at] ?? ''), parseDecimal(numbers[at + 1] ?? ''), position));
  }
  return runs;
}

function run(start: number | undefined, length: number | undefined, position: number): Run {
  if (start === undefined || length === undefined || start < 0 || length < 0) {
    throw corruptTar(position, 'a sparse map with something else than numbers', 'pairs of numbers');
  }
  return { position: start, length };
}
