import type { Buffer } from 'node:buffer';
import type { Extent } from '../entry.ts';
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

export function gnuSparseForm(header: Header): SparseForm {
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

/** @returns undefined when the extended header speaks of no sparse file. */
export function paxSparseForm(records: PaxRecords, position: number): SparseForm | undefined {
  const text = (key: string) => records.get(key)?.toString('latin1');
  const number = (key: string) => {
    const value = parseDecimal(text(key) ?? '');
    if (value === undefined) {
      throw corruptTar(position, `${JSON.stringify(text(key))} as ${key}`, 'a decimal number');
    }
    return value;
  };
  const version = `${text('GNU.sparse.major') ?? '0'}.${text('GNU.sparse.minor') ?? '1'}`;
  if (version === '1.0') {
    return { kind: 'body', realSize: number('GNU.sparse.realsize') };
  }
  if (version !== '0.0' && version !== '0.1') {
    throw corruptTar(position, `sparse format ${version}`, '0.0, 0.1 or 1.0');
  }
  const map = text(sparseMapKey);
  if (map === undefined) {
    return undefined;
  }
  const runs = pairs(map === '' ? [] : map.split(','), position);
  if (runs.length !== number('GNU.sparse.numblocks')) {
    throw corruptTar(
      position,
      `a sparse map of ${runs.length} runs`,
      text('GNU.sparse.numblocks') ?? '',
    );
  }
  return { kind: 'pax', realSize: number('GNU.sparse.size'), runs };
}

/**
 * Reads the map of format 1.0 from the head of a body, block by block: a line with the number of
 * runs, then two lines a run.
 * @returns undefined while more blocks are needed.
 */
export function createBodyMap(
  position: number,
  limit: number,
): (block: Buffer) => readonly Run[] | undefined {
  const lines: string[] = [];
  let partial = '';
  let read = 0;
  return (block) => {
    read += blockSize;
    if (read > limit) {
      throw tarOverLimit(position, `a sparse map of more than ${limit} bytes`, `${limit}`);
    }
    const found = (partial + block.toString('latin1')).split('\n');
    partial = found.pop() ?? '';
    lines.push(...found);
    if (lines[0] === undefined) {
      return undefined;
    }
    const count = parseDecimal(lines[0]);
    if (count === undefined) {
      throw corruptTar(
        position,
        `a sparse map of ${JSON.stringify(lines[0].slice(0, 80))} runs`,
        'a number',
      );
    }
    return lines.length > 2 * count ? pairs(lines.slice(1, 1 + 2 * count), position) : undefined;
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
