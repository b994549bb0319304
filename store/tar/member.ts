import type { Buffer } from 'node:buffer';
import type { Entry, EntryPath, Metadata } from '../entry.ts';
import type { Limits } from '../limits.ts';
import { corruptTar } from './error.ts';
import { deviceOf, type Header } from './header.ts';
import { parseDecimal, parseSeconds } from './number.ts';
import { parsePath, parseTarget } from './path.ts';
import type { PaxRecords } from './pax.ts';
import { gnuSparseForm, paxSparseForm, type SparseForm } from './sparse.ts';

/** What extended headers said of the member that follows them. */
export interface Extension {
  readonly pax?: PaxRecords;
  /** GNU type `L`. */
  readonly name?: Buffer;
  /** GNU type `K`. */
  readonly link?: Buffer;
}

/** A member of the tar with everything merged that was said of it. */
export interface Member {
  /** Position of its header in the tar. */
  readonly position: number;
  readonly path: EntryPath;
  /**
   * Bytes stored after the header, which for sparse files is less than the file. Of a hard link only
   * what its header claims.
   */
  readonly stored: number;
  readonly sparse: SparseForm | undefined;
  /** Bytes of names, link target and attributes. */
  readonly cost: number;
  /** The entry, finished unless it is a file. */
  readonly entry: Exclude<Entry, { kind: 'file' | 'whiteout' | 'opaque' }> | FileStart;
}

/** A file of which only the metadata has been read. */
export interface FileStart extends Metadata {
  readonly kind: 'file';
}

/**
 * Merges a header with what preceded it, with the precedence of Go's archive/tar, which is what
 * containerd and podman read layers with: GNU long names over PAX records over header fields, and
 * the name of a sparse file over all; an empty PAX value counts as none. Names are bytes whatever
 * `hdrcharset` says.
 * @throws StoreError `LAYER_CORRUPT`, `LAYER_LIMIT`.
 */
export function mergeMember(header: Header, extension: Extension, limits: Limits): Member {
  const { position } = header;
  const pax: PaxRecords = extension.pax ?? noRecords;
  const bytes = (key: string) => nonEmpty(pax.get(key));
  const sparse = sparseOf(header, pax);
  const isPaxSparse = sparse !== undefined && sparse.kind !== 'gnu';
  const sparseName = isPaxSparse ? bytes('GNU.sparse.name') : undefined;
  const name = sparseName ?? nonEmpty(extension.name) ?? bytes('path') ?? header.name;
  const link = nonEmpty(extension.link) ?? bytes('linkpath') ?? header.linkname;
  const xattrs = xattrsOf(pax);
  const metadata: Metadata = {
    path: parsePath(name, position, limits),
    mode: header.mode,
    uid: ownerOf(bytes('uid'), header.uid, 'uid', position),
    gid: ownerOf(bytes('gid'), header.gid, 'gid', position),
    mtime: number(bytes('mtime'), parseSeconds, 'mtime', position) ?? header.mtime,
    ...(xattrs === undefined ? {} : { xattrs }),
  };
  const size = number(bytes('size'), parseDecimal, 'size', position) ?? header.size;
  const entry = entryOf(header, metadata, { name, link, size }, limits);
  if (metadata.path === '' && entry.kind !== 'directory') {
    throw corruptTar(position, `a ${entry.kind} in place of the root`, 'a directory');
  }
  if (sparse !== undefined && entry.kind !== 'file') {
    throw corruptTar(position, `a sparse ${entry.kind}`, 'a file');
  }
  return {
    position,
    path: metadata.path,
    stored: entry.kind === 'file' || entry.kind === 'hardlink' ? size : 0,
    sparse,
    cost: name.length + link.length + costOf(pax),
    entry,
  };
}

/**
 * What the type flag makes of a member. Of the types only files have a body, and hard links may have
 * one, whatever size the header says.
 */
function entryOf(
  header: Header,
  metadata: Metadata,
  { name, link, size }: { name: Buffer; link: Buffer; size: number },
  limits: Limits,
): Member['entry'] {
  const { position, type } = header;
  switch (type) {
    case '\0':
    case '0': {
      // Before POSIX a directory was a name with a slash at its end.
      const directory = name.at(-1) === 0x2f && (type === '\0' || size === 0);
      return { ...metadata, kind: directory ? 'directory' : 'file' };
    }
    case '7':
    case 'S':
      return { ...metadata, kind: 'file' };
    case '1': {
      const target = parsePath(link, position, limits);
      return { ...metadata, kind: 'hardlink', target };
    }
    case '2': {
      const target = parseTarget(link, position, limits);
      return { ...metadata, kind: 'symlink', target };
    }
    case '3':
      return { ...metadata, kind: 'special', type: 'character', ...deviceOf(header) };
    case '4':
      return { ...metadata, kind: 'special', type: 'block', ...deviceOf(header) };
    case '5':
      return { ...metadata, kind: 'directory' };
    case '6':
      return { ...metadata, kind: 'special', type: 'fifo', major: 0, minor: 0 };
    default:
      // Whether an unknown type has a body cannot be known; containerd refuses it too.
      throw corruptTar(position, `a member of type ${showType(type)}`, 'one that layers may have');
  }
}

/** Types that tar programs write, and no builder of images. */
const foreignTypes: Readonly<Record<string, string>> = {
  D: 'a folder of an incremental dump',
  M: 'the rest of a file of another volume',
  N: 'long names of old GNU tar',
  V: 'a volume label that is more than a name',
  X: 'an extended header of Solaris',
};

function showType(type: string): string {
  const meaning = foreignTypes[type];
  return meaning === undefined ? JSON.stringify(type) : `${type} (${meaning})`;
}

function sparseOf(header: Header, pax: PaxRecords): SparseForm | undefined {
  return header.type === 'S' ? gnuSparseForm(header) : paxSparseForm(pax, header.position);
}

function xattrsOf(pax: PaxRecords): Record<string, string> | undefined {
  const xattrs: [string, string][] = [];
  for (const [key, value] of pax) {
    if (key.startsWith(xattrPrefix) && key.length > xattrPrefix.length) {
      xattrs.push([key.slice(xattrPrefix.length), value.toString('base64')]);
    }
  }
  return xattrs.length === 0 ? undefined : Object.fromEntries(xattrs);
}

function ownerOf(
  value: Buffer | undefined,
  field: number,
  name: 'uid' | 'gid',
  position: number,
): number {
  const id = number(value, parseDecimal, name, position) ?? field;
  if (id < 0 || id > 0xffff_ffff) {
    throw corruptTar(position, `${name} ${id}`, 'one of 32 bits');
  }
  return id;
}

function number(
  value: Buffer | undefined,
  parse: (text: string) => number | undefined,
  name: string,
  position: number,
): number | undefined {
  const text = value?.toString('latin1');
  const parsed = text === undefined ? undefined : parse(text);
  if (text !== undefined && parsed === undefined) {
    throw corruptTar(
      position,
      `${JSON.stringify(text.slice(0, 80))} as ${name}`,
      'a decimal number',
    );
  }
  return parsed;
}

function nonEmpty(value: Buffer | undefined): Buffer | undefined {
  return value?.length === 0 ? undefined : value;
}

function costOf(pax: PaxRecords): number {
  let cost = 0;
  for (const [key, value] of pax) {
    cost += key.length + value.length;
  }
  return cost;
}

/** Bsdtar writes each once more as `LIBARCHIVE.xattr.`, in base64: what runs layers reads only these. */
const xattrPrefix = 'SCHILY.xattr.';

const noRecords: PaxRecords = new Map();
