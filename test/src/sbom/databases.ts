import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { SyncAccess } from '../../../src/tree/access.ts';
import { findProgram } from '../../support/docker-registry.ts';

/** What of an rpm header a test says. */
export interface RpmPackage {
  readonly name: string;
  readonly version?: string;
  readonly release?: string;
  readonly epoch?: number;
  readonly license?: string;
  readonly vendor?: string;
  readonly architecture?: string;
  readonly source?: string;
  /** Bytes of a description, so that the header needs pages of its own. */
  readonly padding?: number;
}

/** The header of an installed package (rpm, docs/manual/format_header.md). */
export function rpmHeader(rpm: RpmPackage): Buffer {
  const { name, version = '1.0', release = '1', epoch, license, vendor, architecture } = rpm;
  const fields: readonly (readonly [tag: number, type: number, value: string | number])[] = [
    [1000, 6, name],
    [1001, 6, version],
    [1002, 6, release],
    ...(epoch === undefined ? [] : [[1003, 4, epoch] as const]),
    ...(rpm.padding === undefined ? [] : [[1005, 9, 'x'.repeat(rpm.padding)] as const]),
    ...(vendor === undefined ? [] : [[1011, 6, vendor] as const]),
    ...(license === undefined ? [] : [[1014, 6, license] as const]),
    ...(architecture === undefined ? [] : [[1022, 6, architecture] as const]),
    ...(rpm.source === undefined ? [] : [[1044, 6, rpm.source] as const]),
  ];
  const entries: Buffer[] = [];
  const data: Buffer[] = [];
  let offset = 0;
  for (const [tag, type, value] of fields) {
    entries.push(numbers('big', tag, type, offset, 1));
    const bytes = typeof value === 'string' ? Buffer.from(`${value}\0`) : numbers('big', value);
    data.push(bytes);
    offset += bytes.length;
  }
  return Buffer.concat([numbers('big', fields.length, offset), ...entries, ...data]);
}

function numbers(order: 'big' | 'little', ...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => {
    if (order === 'big') bytes.writeUInt32BE(value, 4 * index);
    else bytes.writeUInt32LE(value, 4 * index);
  });
  return bytes;
}

const script = `
import sqlite3, sys, struct
path, size, blobs = sys.argv[1], sys.argv[2], sys.stdin.buffer.read()
database = sqlite3.connect(path)
database.execute('PRAGMA page_size=' + size)
database.execute("CREATE TABLE 'Names' (key TEXT, hnum INTEGER)")
database.execute("CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
at = 0
while at < len(blobs):
    (length,) = struct.unpack_from('<I', blobs, at)
    database.execute('INSERT INTO Packages (blob) VALUES (?)', (blobs[at + 4 : at + 4 + length],))
    at += 4 + length
database.commit()
database.close()
`;

/** A database made by SQLite itself; undefined, and it is said, where there is no python3. */
export function sqliteDatabase(
  folder: string,
  blobs: readonly Buffer[],
  pageSize = 4096,
): Buffer | undefined {
  if (findProgram('python3') === undefined) {
    console.log('no python3 here: no SQLite database can be made');
    return undefined;
  }
  const path = join(folder, 'rpmdb.sqlite');
  rmSync(path, { force: true });
  const input = Buffer.concat(blobs.flatMap((blob) => [numbers('little', blob.length), blob]));
  const { status, stderr } = spawnSync('python3', ['-c', script, path, `${pageSize}`], { input });
  if (status !== 0) throw new Error(`python3: ${stderr}`);
  return readFileSync(path);
}

/** A database in rpm's own format, one page of slots (rpm, lib/backend/ndb/rpmpkg.c). */
export function ndbDatabase(blobs: readonly Buffer[]): Buffer {
  const slots = Buffer.alloc(4096);
  slots.write('RpmP');
  numbers('little', 0, 1, 1, blobs.length + 1).copy(slots, 4);
  for (let at = 32; at < slots.length; at += 16) slots.write('Slot', at);
  const parts = [slots];
  let block = slots.length / 16;
  blobs.forEach((blob, index) => {
    const blocks = Math.ceil((blob.length + 28) / 16);
    const framed = Buffer.alloc(blocks * 16);
    framed.write('BlbS');
    numbers('little', index + 1, 0, blob.length).copy(framed, 4);
    blob.copy(framed, 16);
    framed.write('BlbE', framed.length - 4);
    numbers('little', index + 1, block, blocks).copy(slots, 32 + 16 * index + 4);
    parts.push(framed);
    block += blocks;
  });
  return Buffer.concat(parts);
}

const pageSize = 4096;

/** A hash database of Berkeley DB: its first page, one of items, then those of the values (db_page.h). */
export function berkeleyDatabase(blobs: readonly Buffer[]): Buffer {
  const meta = Buffer.alloc(pageSize);
  numbers('little', 0x061561, 9, pageSize).copy(meta, 12);
  meta[25] = 8;
  const items = Buffer.alloc(pageSize);
  items[25] = 13;
  const pages = [meta, items];
  let end = pageSize;
  let count = 0;
  const addItem = (bytes: Buffer): void => {
    end -= bytes.length;
    bytes.copy(items, end);
    items.writeUInt16LE(end, 26 + 2 * count);
    count += 1;
  };
  blobs.forEach((blob, index) => {
    addItem(Buffer.concat([Buffer.from([1]), numbers('little', index + 1)]));
    if (blob.length < 200) {
      addItem(Buffer.concat([Buffer.from([1]), blob]));
      return;
    }
    addItem(Buffer.concat([numbers('little', 3, pages.length, blob.length)]));
    for (let at = 0; at < blob.length; at += pageSize - 26) {
      const page = Buffer.alloc(pageSize);
      const part = blob.subarray(at, at + pageSize - 26);
      const last = at + part.length === blob.length;
      numbers('little', pages.length, 0, last ? 0 : pages.length + 1).copy(page, 8);
      page.writeUInt16LE(part.length, 22);
      page[25] = 7;
      part.copy(page, 26);
      pages.push(page);
    }
  });
  // The highest number of a package stands among them, under the key 0.
  addItem(Buffer.from([1, 0, 0, 0, 0]));
  addItem(Buffer.concat([Buffer.from([1]), numbers('little', blobs.length)]));
  items.writeUInt16LE(count, 20);
  return Buffer.concat(pages);
}

export function accessOf(bytes: Buffer): SyncAccess {
  return {
    size: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
  };
}

/** A zstd frame (RFC 8878) with the bytes as they are. */
export function zstdStored(text: string): Buffer {
  const bytes = Buffer.from(text);
  // A single segment whose size has four bytes; one block, the last, stored.
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0]);
  const block = Buffer.alloc(3);
  block.writeUIntLE((bytes.length << 3) | 1, 0, 3);
  return Buffer.concat([head, numbers('little', bytes.length), block, bytes]);
}
