import { Buffer } from 'node:buffer';
import { decodeName } from '../names/name.ts';
import { corruptTar } from './error.ts';
import { parseDecimal } from './number.ts';

/** Records of one extended header by key; of a repeated key the last. Values are bytes. */
export type PaxRecords = ReadonlyMap<string, Buffer>;

/** A key under which GNU tar keeps a sparse map, as decimals parted by commas. */
export const sparseMapKey = 'GNU.sparse.map';

/** The keys of format 0.0, which take turns. */
const repeatedSparseKeys = ['GNU.sparse.offset', 'GNU.sparse.numbytes'];

/** Values that name things on a file system: a NUL would cut them short in C and not in Go. */
const textKeys = new Set(['path', 'linkpath', 'uname', 'gname', 'GNU.sparse.name']);

/**
 * The body of an extended header: records `LENGTH KEY=VALUE\n`, the length counting the whole
 * record (POSIX.1 pax, "pax Extended Header"). The repeated keys of sparse format 0.0 come out as
 * the one key of 0.1.
 * @throws StoreError `LAYER_CORRUPT`.
 */
export function parsePax(body: Buffer, position: number): PaxRecords {
  const records = new Map<string, Buffer>();
  const sparse: string[] = [];
  let at = 0;
  while (at < body.length) {
    const end = recordEnd(body, at, position);
    const start = body.indexOf(0x20, at) + 1;
    const equals = body.subarray(0, end).indexOf(0x3d, start);
    if (equals <= start || body[end - 1] !== 0x0a) {
      throw corruptTar(position, 'an extended header record that is no KEY=VALUE line', 'one');
    }
    const key = decodeName(body.subarray(start, equals));
    const value = Buffer.from(body.subarray(equals + 1, end - 1));
    if (key.includes('\0') || (textKeys.has(key) && value.includes(0))) {
      throw corruptTar(position, `a NUL in the extended header record ${show(key)}`, 'none');
    }
    if (repeatedSparseKeys.includes(key)) {
      if (key !== repeatedSparseKeys[sparse.length % 2] || value.includes(0x2c)) {
        throw corruptTar(
          position,
          `${key} out of turn, or several in one`,
          'offset, then numbytes',
        );
      }
      sparse.push(value.toString('latin1'));
    } else {
      records.set(key, value);
    }
    at = end;
  }
  if (sparse.length > 0) {
    records.set(sparseMapKey, Buffer.from(sparse.join(',')));
  }
  return records;
}

/** Where the record at `at` ends. */
function recordEnd(body: Buffer, at: number, position: number): number {
  const digits = body.toString('latin1', at, Math.min(at + 16, body.length)).split(' ', 1)[0] ?? '';
  const length = parseDecimal(digits);
  // The shortest record is `5 a=\n`.
  if (length === undefined || length < 5 || at + length > body.length) {
    throw corruptTar(
      position,
      `an extended header record that begins with ${show(digits)}`,
      'its length in bytes, at most what is left of the header',
    );
  }
  return at + length;
}

function show(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
