import { Buffer } from 'node:buffer';
import type { Entry, FileEntry, Metadata } from '../entry.ts';
import { encodeName } from '../names/name.ts';
import { blockSize, formatHeader } from './header.ts';
import type { Run } from './sparse.ts';

/**
 * What a member of a tar says of itself. For a file, `size` bytes follow its header; of one with
 * `runs`, only the bytes of these. They ascend without meeting, and each but the last is a multiple
 * of 512 bytes: GNU tar reads others wrong.
 */
export type TarEntry =
  | (Pick<FileEntry, keyof Metadata | 'kind' | 'size'> & { readonly runs?: readonly Run[] })
  | Exclude<Entry, FileEntry>;

/** Two zero blocks: the end of a tar. */
export const tarEnd: Uint8Array = Buffer.alloc(2 * blockSize);

/** The zeros that follow a body of `size` bytes. */
export function tarPadding(size: number): Uint8Array {
  return tarEnd.subarray(0, (blockSize - (size % blockSize)) % blockSize);
}

/**
 * The header blocks of one member: ustar, with a PAX header before it where ustar cannot say it
 * (long names, large numbers, fractions of seconds, extended attributes). Names are written byte
 * for byte. Equal entries give equal bytes. A file with holes is written in GNU's sparse format
 * 1.0, which Go's archive/tar, GNU tar, libarchive and Python read; its map is part of what is
 * returned.
 */
export function tarHeader(entry: TarEntry): Uint8Array {
  const name = nameOf(entry);
  const link = 'target' in entry ? encodeName(entry.target) : Buffer.alloc(0);
  const { mode, uid, gid, mtime, xattrs = {} } = 'mode' in entry ? entry : unowned;
  const pax: Record<string, Uint8Array> = {};
  const sparse = entry.kind === 'file' ? sparseBody(entry) : undefined;
  if (sparse !== undefined) {
    Object.assign(pax, sparse.records, { 'GNU.sparse.name': name });
  }
  const size = sparse?.size ?? (entry.kind === 'file' ? entry.size : 0);
  const split = splitName(sparse === undefined ? name : standIn);
  if (split === undefined) {
    pax['path'] = name;
  }
  if (link.length > 100) {
    pax['linkpath'] = link;
  }
  for (const [key, value, limit] of [
    ['size', size, 8 ** 11],
    ['uid', uid, 8 ** 7],
    ['gid', gid, 8 ** 7],
    ['mtime', mtime, 8 ** 11],
  ] as const) {
    if (value < 0 || value >= limit || !Number.isInteger(value)) {
      pax[key] = Buffer.from(plainDecimal(value));
    }
  }
  for (const [key, value] of Object.entries(xattrs)) {
    pax[`SCHILY.xattr.${key}`] = Buffer.from(value, 'base64');
  }
  const header = formatHeader({
    type: typeOf(entry),
    name: split?.name ?? name.subarray(0, 100),
    prefix: split?.prefix ?? Buffer.alloc(0),
    linkname: link.subarray(0, 100),
    mode,
    uid: pax['uid'] === undefined ? uid : 0,
    gid: pax['gid'] === undefined ? gid : 0,
    size: pax['size'] === undefined ? size : 0,
    mtime: pax['mtime'] === undefined ? mtime : 0,
    major: entry.kind === 'special' ? entry.major : 0,
    minor: entry.kind === 'special' ? entry.minor : 0,
  });
  if (Object.keys(pax).length === 0) return header;
  return Buffer.concat([paxMember(pax), header, sparse?.head ?? Buffer.alloc(0)]);
}

/** What readers that know nothing of sparse files see in place of a name. */
const standIn = Buffer.from('GNUSparseFile.0/sparse');

/**
 * The body of a sparse file in format 1.0 (GNU tar manual, "PAX Format, Version 1.0"): its map, which
 * ends in an empty run where the file ends in a hole, then the bytes of the runs.
 */
function sparseBody({ size, runs }: Extract<TarEntry, { kind: 'file' }>) {
  if (runs === undefined) return undefined;
  const last = runs.at(-1);
  const end = last === undefined ? 0 : last.position + last.length;
  const map = end < size ? [...runs, { position: size, length: 0 }] : runs;
  const numbers = [map.length, ...map.flatMap(({ position, length }) => [position, length])];
  const lines = Buffer.from(`${numbers.join('\n')}\n`);
  const head = Buffer.concat([lines, tarPadding(lines.length)]);
  return {
    head,
    size: runs.reduce((sum, { length }) => sum + length, head.length),
    records: {
      'GNU.sparse.major': Buffer.from('1'),
      'GNU.sparse.minor': Buffer.from('0'),
      'GNU.sparse.realsize': Buffer.from(String(size)),
    },
  };
}

const unowned: Omit<Metadata, 'path'> = { mode: 0, uid: 0, gid: 0, mtime: 0 };

const specialTypes = { character: '3', block: '4', fifo: '6' } as const;

function typeOf(entry: TarEntry): string {
  switch (entry.kind) {
    case 'directory':
      return '5';
    case 'symlink':
      return '2';
    case 'hardlink':
      return '1';
    case 'special':
      return specialTypes[entry.type];
    default:
      return '0';
  }
}

function nameOf(entry: TarEntry): Uint8Array {
  const slash = entry.path.lastIndexOf('/') + 1;
  switch (entry.kind) {
    case 'directory':
      return encodeName(entry.path === '' ? './' : `${entry.path}/`);
    case 'whiteout':
      return encodeName(`${entry.path.slice(0, slash)}.wh.${entry.path.slice(slash)}`);
    case 'opaque':
      return encodeName(entry.path === '' ? '.wh..wh..opq' : `${entry.path}/.wh..wh..opq`);
    default:
      return encodeName(entry.path);
  }
}

/** Name and prefix of at most 100 and 155 bytes, parted at a slash; undefined when there is none. */
function splitName(path: Uint8Array): { name: Uint8Array; prefix: Uint8Array } | undefined {
  if (path.length <= 100) {
    return { name: path, prefix: Buffer.alloc(0) };
  }
  const slash = path.subarray(0, -1).indexOf(0x2f, path.length - 101);
  return slash > 0 && slash <= 155
    ? { name: path.subarray(slash + 1), prefix: path.subarray(0, slash) }
    : undefined;
}

/** An extended header (POSIX.1 pax "pax Extended Header") in the order of its keys. */
function paxMember(records: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const keys = Object.keys(records).sort();
  const body = Buffer.concat(keys.map((key) => paxRecord(key, records[key] ?? Buffer.alloc(0))));
  const header = formatHeader({
    ...unowned,
    type: 'x',
    name: Buffer.from('PaxHeader'),
    prefix: Buffer.alloc(0),
    linkname: Buffer.alloc(0),
    mode: 0o644,
    size: body.length,
    major: 0,
    minor: 0,
  });
  return Buffer.concat([header, body, tarPadding(body.length)]);
}

/** `LENGTH KEY=VALUE\n`, where the length counts its own digits. */
function paxRecord(key: string, value: Uint8Array): Uint8Array {
  const rest = Buffer.concat([Buffer.from(' '), encodeName(key), Buffer.from('='), value, newline]);
  let length = rest.length;
  while (length !== rest.length + String(length).length) {
    length = rest.length + String(length).length;
  }
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

const newline = Buffer.from('\n');

/** Decimal without an exponent: a time of 1e-7 s is written out. */
function plainDecimal(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(9).replace(/0+$/, '');
}
