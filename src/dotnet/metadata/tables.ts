import { viewOf } from './pe.ts';
import { type Column, columns } from './schema.ts';

/** The metadata of one assembly, opened. */
export interface Tables {
  /** Rows of a table. */
  count(table: number): number;
  /** A number, or the position in a heap. `row` counts from 1, as references in the metadata do. */
  cell(table: number, row: number, column: number): number;
  /** The row that a coded column refers to; undefined for a tag that means nothing. */
  coded(
    table: number,
    row: number,
    column: number,
  ): { readonly table: number; readonly row: number } | undefined;
  /** A name: the text at a position of the string heap. */
  string(position: number): string;
  /** The bytes at a position of the blob heap. */
  blob(position: number): Uint8Array;
}

interface TableLayout {
  readonly offset: number;
  readonly count: number;
  readonly rowSize: number;
  readonly columns: readonly { readonly offset: number; readonly size: number }[];
}

/** Bytes of all names that are read: those of many rows may begin in the same long text. */
const namesCap = 32 << 20;

/**
 * Opens metadata (ECMA-335, II.24.2): its root, the compressed table stream `#~`, the heaps of strings and
 * blobs.
 * @throws RangeError for anything that lies outside of it, now and from each function.
 */
export function openTables(metadata: Uint8Array): Tables {
  const streams = streamsOf(metadata);
  const stream = streams.get('#~');
  if (stream === undefined) throw new RangeError('metadata without tables');
  const strings = streams.get('#Strings') ?? new Uint8Array();
  const blobs = streams.get('#Blob') ?? new Uint8Array();
  const view = viewOf(stream);
  const layouts = layOut(view);
  const decoder = new TextDecoder();
  let left = namesCap;

  function positionOf(table: number, row: number, column: number): [number, number] {
    const layout = layouts[table];
    const field = layout?.columns[column];
    if (!layout || !field || !(row >= 1 && row <= layout.count)) {
      throw new RangeError(`row ${row} of table ${table}`);
    }
    return [layout.offset + (row - 1) * layout.rowSize + field.offset, field.size];
  }

  function cell(table: number, row: number, column: number): number {
    const [position, size] = positionOf(table, row, column);
    return size === 2 ? view.getUint16(position, true) : view.getUint32(position, true);
  }

  return {
    count: (table) => layouts[table]?.count ?? 0,
    cell,
    coded(table, row, column) {
      const type = columns[table]?.[column];
      if (typeof type !== 'object' || !('coded' in type)) return undefined;
      const value = cell(table, row, column);
      const target = type.coded[value & (2 ** type.tagBits - 1)] ?? -1;
      return target < 0 ? undefined : { table: target, row: value >>> type.tagBits };
    },
    string(position) {
      const rest = strings.subarray(position, position + left + 1);
      const length = rest.indexOf(0);
      if (length === -1) throw new RangeError(`a name at ${position}`);
      left -= length;
      return decoder.decode(rest.subarray(0, length));
    },
    blob(position) {
      const [length, size] = compressedAt(blobs, position);
      const start = position + size;
      if (start + length > blobs.length) throw new RangeError(`a blob at ${position}`);
      return blobs.subarray(start, start + length);
    },
  };
}

/** A compressed unsigned number and the bytes it takes (II.23.2). */
export function compressedAt(bytes: Uint8Array, position: number): readonly [number, number] {
  const view = viewOf(bytes);
  const first = view.getUint8(position);
  if (first < 0x80) return [first, 1];
  if (first < 0xc0) return [view.getUint16(position) & 0x3fff, 2];
  return [view.getUint32(position) & 0x1fff_ffff, 4];
}

/** Streams by their names (II.24.2.1, II.24.2.2). */
function streamsOf(metadata: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const view = viewOf(metadata);
  if (view.getUint32(0, true) !== 0x424a_5342) throw new RangeError('metadata without signature');
  let at = 16 + view.getUint32(12, true);
  const count = view.getUint16(at + 2, true);
  at += 4;
  const streams = new Map<string, Uint8Array>();
  for (let number = 0; number < count; number += 1) {
    const offset = view.getUint32(at, true);
    const size = view.getUint32(at + 4, true);
    const end = metadata.indexOf(0, at + 8);
    if (offset + size > metadata.length || end === -1) throw new RangeError(`stream ${number}`);
    const name = new TextDecoder().decode(metadata.subarray(at + 8, end));
    streams.set(name, metadata.subarray(offset, offset + size));
    // The name and its NUL are padded to a multiple of 4.
    at = at + 8 + Math.ceil((end + 1 - (at + 8)) / 4) * 4;
  }
  return streams;
}

/** Where each table of `#~` lies (II.24.2.6). */
function layOut(view: DataView): readonly TableLayout[] {
  const heapSizes = view.getUint8(6);
  const valid = view.getBigUint64(8, true);
  const counts: number[] = [];
  let offset = 24;
  for (let number = 0; number < 64; number += 1) {
    const isThere = (valid >> BigInt(number)) & 1n;
    counts.push(isThere ? view.getUint32(offset, true) : 0);
    if (isThere) offset += 4;
  }
  // A flag of the compilers: four bytes more behind the counts.
  if (heapSizes & 0x40) offset += 4;
  const sizeOf = (column: Column): number => {
    if (typeof column === 'number') return column;
    if (column === 'string') return heapSizes & 1 ? 4 : 2;
    if (column === 'guid') return heapSizes & 2 ? 4 : 2;
    if (column === 'blob') return heapSizes & 4 ? 4 : 2;
    if ('row' in column) return (counts[column.row] ?? 0) < 2 ** 16 ? 2 : 4;
    const most = Math.max(...column.coded.map((number) => counts[number] ?? 0));
    return most < 2 ** (16 - column.tagBits) ? 2 : 4;
  };
  return columns.map((types, number) => {
    let rowSize = 0;
    const fields = types.map((type) => {
      const field = { offset: rowSize, size: sizeOf(type) };
      rowSize += field.size;
      return field;
    });
    const count = counts[number] ?? 0;
    const layout = { offset, count, rowSize, columns: fields };
    offset += count * rowSize;
    if (offset > view.byteLength) throw new RangeError(`table ${number}`);
    return layout;
  });
}
