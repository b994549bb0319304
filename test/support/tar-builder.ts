import { Buffer } from 'node:buffer';

/*
 * Tars byte by byte, with whatever is wrong with them on purpose. Shares no code with store/tar.
 */

export interface RawHeader {
  readonly name?: string | Uint8Array;
  readonly type?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** What the header claims, when it is not the length of the body. */
  readonly size?: number;
  readonly mtime?: number;
  readonly linkname?: string | Uint8Array;
  readonly magic?: 'ustar' | 'gnu' | 'v7';
  readonly prefix?: string;
  readonly checksum?: 'unsigned' | 'signed' | 'wrong';
  /** Bytes put at a position before the checksum is made. */
  readonly patches?: readonly (readonly [position: number, bytes: string | Uint8Array])[];
}

const magics = { ustar: 'ustar\x0000', gnu: 'ustar  \0', v7: '' };

export function header(raw: RawHeader, bodyLength = 0): Buffer {
  const block = Buffer.alloc(512);
  const put = (position: number, bytes: string | Uint8Array) =>
    block.set(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, position);
  put(0, typeof raw.name === 'string' ? Buffer.from(raw.name) : (raw.name ?? ''));
  put(100, octal(raw.mode ?? 0o644, 7));
  put(108, octal(raw.uid ?? 0, 7));
  put(116, octal(raw.gid ?? 0, 7));
  put(124, octal(raw.size ?? bodyLength, 11));
  put(136, octal(raw.mtime ?? 0, 11));
  put(156, raw.type ?? '0');
  put(157, raw.linkname ?? '');
  put(257, magics[raw.magic ?? 'ustar']);
  put(345, raw.prefix ?? '');
  for (const [position, bytes] of raw.patches ?? []) {
    put(position, bytes);
  }
  put(148, '        ');
  const sum = [...block].reduce(
    (total, byte) => total + (raw.checksum === 'signed' ? (byte << 24) >> 24 : byte),
    raw.checksum === 'wrong' ? 1 : 0,
  );
  put(148, `${octal(sum, 6)}\0 `);
  return block;
}

/** A header, the body and its padding. */
export function member(raw: RawHeader, body: string | Uint8Array = ''): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([header(raw, bytes.length), bytes, padding(bytes.length)]);
}

/** A PAX header: local (`x`) or global (`g`). */
export function pax(
  records: readonly (readonly [key: string, value: string | Uint8Array])[],
  type: 'x' | 'g' = 'x',
): Buffer {
  const lines = records.map(([key, value]) => {
    const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
    const digits = [1, 2, 3, 4, 5, 6, 7].find((n) => String(rest.length + n).length === n) ?? 0;
    return Buffer.concat([Buffer.from(String(rest.length + digits)), rest]);
  });
  return member({ name: 'pax', type }, Buffer.concat(lines));
}

/** A GNU long name (`L`) or long link target (`K`). */
export function gnuLong(type: 'L' | 'K', name: string | Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(name), Buffer.alloc(1)]);
  return member({ name: '././@LongLink', type, magic: 'gnu' }, body);
}

export const zeroBlock = Buffer.alloc(512);

/** The parts and the two zero blocks that end a tar. */
export function archive(...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([...parts, zeroBlock, zeroBlock]);
}

/** The pairs of an old GNU sparse map: 12 octal digits each. */
export function gnuMap(runs: readonly (readonly [position: number, length: number])[]): Buffer {
  return Buffer.from(runs.map((run) => run.map((n) => `${octal(n, 11)}\0`).join('')).join(''));
}

/** Base-256: two's complement, the top bit of the first byte set. */
export function base256(value: bigint, length: number): Buffer {
  const field = Buffer.alloc(length);
  for (let at = length - 1, rest = value; at >= 0; at -= 1, rest >>= 8n) {
    field[at] = Number(BigInt.asUintN(8, rest));
  }
  field[0] = (field[0] ?? 0) | 0x80;
  return field;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

function padding(length: number): Buffer {
  return Buffer.alloc((512 - (length % 512)) % 512);
}
