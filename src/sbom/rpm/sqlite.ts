import type { SyncAccess } from '../../tree/access.ts';
import { bufferOf, Damaged } from '../damaged.ts';

/** https://www.sqlite.org/fileformat2.html: page types, and the text every file begins with. */
const magic = 'SQLite format 3\0';
const interiorTable = 5;
const leafTable = 13;

const schemaRoot = 1;
const rowCap = 20_000;
const columnCap = 100;
const blobCap = 64 << 20;

/**
 * The blobs of a table, one a row, in the order of their row ids: of each row the first value that is a
 * blob. Every page is read at most once, whatever the file says of its links.
 * @throws Damaged, RangeError.
 */
export function* readSqliteBlobs(access: SyncAccess, table: string): Generator<Buffer, void> {
  const pages = openPages(access);
  for (const row of rowsBelow(pages, schemaRoot)) {
    const [type, name, , root] = valuesOf(row);
    if (type?.toString() !== 'table' || name?.toString() !== table) continue;
    for (const one of rowsBelow(pages, integerOf(root))) {
      const blob = valuesOf(one).find((value) => value !== undefined);
      if (blob === undefined) throw new Damaged(`a row of the table ${table} without a blob`);
      yield blob;
    }
    return;
  }
  throw new Damaged(`no table ${table}`);
}

type Pages = ReturnType<typeof openPages>;

function openPages(access: SyncAccess) {
  const header = bufferOf(access.read(0, 100));
  if (header.toString('latin1', 0, 16) !== magic) throw new Damaged('no SQLite database');
  const told = header.readUInt16BE(16);
  const size = told === 1 ? 65_536 : told;
  const usable = size - header.readUInt8(20);
  if (size < 512 || (size & (size - 1)) !== 0 || usable < 480) {
    throw new Damaged(`pages of ${size} bytes`);
  }
  const read = new Set<number>();

  /** Pages are numbered from 1. */
  function page(number: number): Buffer {
    if (number < 1 || number * size > access.size) throw new Damaged(`no page ${number}`);
    if (read.has(number)) throw new Damaged(`page ${number} in two places`);
    read.add(number);
    return bufferOf(access.read((number - 1) * size, size));
  }

  return { usable, page };
}

/** The payloads of the rows of a table, its tree walked without recursion. */
function* rowsBelow(pages: Pages, root: number): Generator<Buffer, void> {
  let rows = 0;
  for (const pending = [root]; ; ) {
    const number = pending.pop();
    if (number === undefined) return;
    const page = pages.page(number);
    const start = number === 1 ? 100 : 0;
    const type = page.readUInt8(start);
    if (type !== interiorTable && type !== leafTable) throw new Damaged(`a page of type ${type}`);
    const cells = page.readUInt16BE(start + 3);
    const pointers = start + (type === interiorTable ? 12 : 8);
    const cellAt = (index: number): number => page.readUInt16BE(pointers + 2 * index);
    if (type === interiorTable) {
      pending.push(page.readUInt32BE(start + 8));
      for (let index = cells - 1; index >= 0; index--)
        pending.push(page.readUInt32BE(cellAt(index)));
      continue;
    }
    for (let index = 0; index < cells; index++) {
      if (++rows > rowCap) throw new Damaged(`more than ${rowCap} rows`);
      yield payloadOf(pages, page, cellAt(index));
    }
  }
}

/** What does not fit a cell goes on in a chain of pages, each beginning with the number of the next. */
function payloadOf(pages: Pages, page: Buffer, at: number): Buffer {
  const { usable } = pages;
  const length = readVarint(page, at);
  const start = readVarint(page, length.end).end;
  const most = usable - 35;
  const least = Math.floor(((usable - 12) * 32) / 255) - 23;
  const wanted = least + ((length.value - least) % (usable - 4));
  const local = length.value <= most ? length.value : wanted <= most ? wanted : least;
  if (length.value > blobCap || start + local > usable) {
    throw new Damaged(`a row of ${length.value} bytes`);
  }
  const parts = [page.subarray(start, start + local)];
  let left = length.value - local;
  for (let next = left > 0 ? page.readUInt32BE(start + local) : 0; left > 0; ) {
    const overflow = pages.page(next);
    const part = overflow.subarray(4, Math.min(usable, 4 + left));
    parts.push(part);
    left -= part.length;
    next = overflow.readUInt32BE(0);
  }
  return Buffer.concat(parts);
}

/** The values of a row that are text, blobs or integers, as their bytes; undefined for null and others. */
function valuesOf(row: Buffer): readonly (Buffer | undefined)[] {
  const header = readVarint(row, 0);
  const values: (Buffer | undefined)[] = [];
  let at = header.value;
  for (let position = header.end; position < header.value; ) {
    if (values.length >= columnCap) throw new Damaged(`a row of more than ${columnCap} columns`);
    const type = readVarint(row, position);
    position = type.end;
    const size = sizeOf(type.value);
    if (at + size > row.length) throw new Damaged('a row cut off');
    values.push(size === 0 && type.value < 12 ? undefined : row.subarray(at, at + size));
    at += size;
  }
  return values;
}

const integerSizes = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0];

function sizeOf(type: number): number {
  return type >= 12 ? Math.floor((type - 12) / 2) : (integerSizes[type] ?? 0);
}

function integerOf(value: Buffer | undefined): number {
  return value !== undefined && value.length > 0 && value.length <= 6
    ? value.readUIntBE(0, value.length)
    : 0;
}

/** Seven bits a byte, high ones first. What is longer than 7 bytes is more than any file has. */
function readVarint(bytes: Buffer, at: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let end = at; end < at + 7; end++) {
    const byte = bytes.readUInt8(end);
    value = value * 128 + (byte & 127);
    if (byte < 128) return { value, end: end + 1 };
  }
  throw new Damaged('a number out of all bounds');
}
