import { Buffer } from 'node:buffer';
import { corruptTar } from './error.ts';
import { formatNumber, parseNumber } from './number.ts';

/** Headers and bodies are padded to blocks of this many bytes. */
export const blockSize = 512;

/** Position and length of each field (POSIX.1 pax "ustar Interchange Format", GNU `tar.h`). */
const fields = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  linkname: [157, 100],
  magic: [257, 8],
  major: [329, 8],
  minor: [337, 8],
  prefix: [345, 155],
  starPrefix: [345, 131],
  atime: [345, 12],
  ctime: [357, 12],
  sparseMap: [386, 96],
  sparseContinues: [482, 1],
  realSize: [483, 12],
  starTrailer: [508, 4],
} as const;

type Field = keyof typeof fields;

/** What stands behind the link name: nothing that is certain, in the first of them. */
export type Format = 'v7' | 'ustar' | 'star' | 'gnu';

/** A header as it stands in its block: names are bytes, nothing is merged yet. */
export interface Header {
  /** Position of the block in the tar. */
  readonly position: number;
  readonly type: string;
  readonly format: Format;
  readonly name: Buffer;
  readonly linkname: Buffer;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of the body, where this type has one. */
  readonly size: number;
  readonly mtime: number;
  readonly block: Buffer;
}

/**
 * @throws StoreError `LAYER_CORRUPT` when the checksum or a number does not hold. `block` is kept:
 * it must not change while the header is used.
 */
export function parseHeader(block: Buffer, position: number): Header {
  verifyChecksum(block, position);
  const number = (name: Field) => numberField(block, name, position);
  const size = number('size');
  if (size < 0) {
    throw corruptTar(position, `a size of ${size}`, 'none below 0');
  }
  const format = formatOf(block);
  return {
    position,
    type: fieldOf(block, 'type').toString('latin1'),
    format,
    name: nameOf(block, format),
    linkname: untilNul(fieldOf(block, 'linkname')),
    mode: number('mode') & 0o7777,
    uid: number('uid'),
    gid: number('gid'),
    size,
    mtime: number('mtime'),
    block,
  };
}

/** Device numbers, which only device entries carry for certain. */
export function deviceOf(header: Header): { major: number; minor: number } {
  const { block, position, format } = header;
  if (format === 'v7') return { major: 0, minor: 0 };
  const device = {
    major: numberField(block, 'major', position),
    minor: numberField(block, 'minor', position),
  };
  if (device.major < 0 || device.minor < 0) {
    throw corruptTar(position, `device ${device.major}:${device.minor}`, 'no number below 0');
  }
  return device;
}

/** What the header of an old GNU sparse file (type `S`) says of its map. */
export function sparseFieldsOf({ block, position }: Header): {
  readonly map: Buffer;
  readonly continues: boolean;
  readonly realSize: number;
} {
  return {
    map: fieldOf(block, 'sparseMap'),
    continues: fieldOf(block, 'sparseContinues')[0] !== 0,
    realSize: numberField(block, 'realSize', position),
  };
}

export interface HeaderFields {
  readonly type: string;
  readonly name: Uint8Array;
  readonly prefix: Uint8Array;
  readonly linkname: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly major: number;
  readonly minor: number;
}

/** One ustar block. Names must fit their fields. */
export function formatHeader(header: HeaderFields): Buffer {
  const block = Buffer.alloc(blockSize);
  const put = (name: Field, bytes: Uint8Array) => block.set(bytes, fields[name][0]);
  for (const name of ['name', 'prefix', 'linkname'] as const) {
    put(name, header[name]);
  }
  for (const name of ['mode', 'uid', 'gid', 'size', 'mtime', 'major', 'minor'] as const) {
    put(name, formatNumber(header[name], fields[name][1]));
  }
  put('type', Buffer.from(header.type, 'latin1'));
  put('magic', Buffer.from('ustar\x0000', 'latin1'));
  const checksum = checksumsOf(block).unsigned;
  put('checksum', Buffer.from(`${checksum.toString(8).padStart(6, '0')}\0 `, 'latin1'));
  return block;
}

/** Told by its magic as Go's archive/tar tells it. */
function formatOf(block: Buffer): Format {
  const magic = fieldOf(block, 'magic').toString('latin1');
  if (magic === 'ustar  \0') return 'gnu';
  if (!magic.startsWith('ustar\0')) return 'v7';
  return fieldOf(block, 'starTrailer').toString('latin1') === 'tar\0' ? 'star' : 'ustar';
}

function nameOf(block: Buffer, format: Format): Buffer {
  const name = untilNul(fieldOf(block, 'name'));
  const prefix = prefixOf(block, format);
  return prefix.length === 0 ? Buffer.from(name) : Buffer.concat([prefix, slash, name]);
}

const slash = Buffer.from('/');

function prefixOf(block: Buffer, format: Format): Buffer {
  switch (format) {
    case 'v7':
      return none;
    case 'ustar':
      return untilNul(fieldOf(block, 'prefix'));
    case 'star':
      return untilNul(fieldOf(block, 'starPrefix'));
    case 'gnu':
      return misplacedPrefixOf(block);
  }
}

const none = Buffer.alloc(0);

/**
 * GNU headers have times in the place of the prefix. Go wrote a prefix there until 1.8, and docker
 * with it; Go's archive/tar tells it by being no times, and ASCII.
 */
function misplacedPrefixOf(block: Buffer): Buffer {
  if (block[fields.atime[0]] === 0 && block[fields.ctime[0]] === 0) return none;
  const isTime = (name: Field) => parseNumber(fieldOf(block, name)) !== undefined;
  if (isTime('atime') && isTime('ctime')) return none;
  const prefix = untilNul(fieldOf(block, 'prefix'));
  return prefix.some((byte) => byte >= 0x80) ? none : prefix;
}

/** Whether a block has the checksum of a header. */
export function isHeader(block: Buffer): boolean {
  const stored = parseNumber(fieldOf(block, 'checksum'));
  const { unsigned, signed } = checksumsOf(block);
  return stored === unsigned || stored === signed;
}

function verifyChecksum(block: Buffer, position: number): void {
  if (isHeader(block)) return;
  throw corruptTar(
    position,
    `a header whose checksum is ${parseNumber(fieldOf(block, 'checksum')) ?? 'no number'}`,
    `${checksumsOf(block).unsigned}`,
  );
}

/** Sums of the block with its checksum field as blanks; some old writers added signed bytes. */
function checksumsOf(block: Buffer): { unsigned: number; signed: number } {
  const [start, length] = fields.checksum;
  let unsigned = 0x20 * length;
  let high = 0;
  const add = (from: number, end: number) => {
    for (let at = from; at < end; at += 1) {
      const byte = block[at] ?? 0;
      unsigned += byte;
      high += byte >> 7;
    }
  };
  add(0, start);
  add(start + length, blockSize);
  return { unsigned, signed: unsigned - 256 * high };
}

function numberField(block: Buffer, name: Field, position: number): number {
  const value = parseNumber(fieldOf(block, name));
  if (value === undefined) {
    const found = JSON.stringify(fieldOf(block, name).toString('latin1'));
    throw corruptTar(position, `${found} as ${name}`, 'a number below 2^53');
  }
  return value;
}

function fieldOf(block: Buffer, name: Field): Buffer {
  const [start, length] = fields[name];
  return block.subarray(start, start + length);
}

function untilNul(field: Buffer): Buffer {
  const end = field.indexOf(0);
  return end === -1 ? field : field.subarray(0, end);
}
