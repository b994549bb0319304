import { Damaged } from '../damaged.ts';

/** What of a package's header is told; undefined where the package says nothing. */
export interface RpmHeader {
  readonly name: string;
  /** With the release behind a dash. */
  readonly version: string;
  readonly epoch: string | undefined;
  readonly architecture: string | undefined;
  readonly license: string | undefined;
  /** The vendor. */
  readonly supplier: string | undefined;
  /** File name of the source package. */
  readonly source: string | undefined;
}

/** rpm, include/rpm/rpmtag.h. */
const tags = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  vendor: 1011,
  license: 1014,
  architecture: 1022,
  source: 1044,
} as const;
const wanted: ReadonlySet<number> = new Set(Object.values(tags));

/** A number of 32 bits, and kinds of text; of several texts the first is taken. */
const types = { int32: 4, texts: [6, 8, 9] };

/** rpm, lib/header.cc, `hdrchkTags`. */
const entryCap = 0xffff;
const entrySize = 16;
const textCap = 64 << 10;

/**
 * Reads a header as the database has it: two counts, then entries of 16 bytes (tag, type, offset, count),
 * then their data, all big-endian (rpm, docs/manual/format_header.md, without the lead of a file).
 * @throws Damaged, RangeError.
 */
export function readRpmHeader(blob: Buffer): RpmHeader {
  const count = blob.readUInt32BE(0);
  const data = 8 + count * entrySize;
  if (count > entryCap || data > blob.length) {
    throw new Damaged(`a package header of ${blob.length} bytes with ${count} entries`);
  }
  const positions = new Map<number, { readonly type: number; readonly at: number }>();
  for (let at = 8; at < data; at += entrySize) {
    const tag = blob.readUInt32BE(at);
    if (!wanted.has(tag) || positions.has(tag)) continue;
    positions.set(tag, { type: blob.readUInt32BE(at + 4), at: data + blob.readUInt32BE(at + 8) });
  }
  const textOf = (tag: number): string | undefined => {
    const entry = positions.get(tag);
    if (entry === undefined || !types.texts.includes(entry.type)) return undefined;
    const end = blob.indexOf(0, entry.at);
    if (end === -1 || end - entry.at > textCap) throw new Damaged('a package header cut off');
    return blob.toString('utf8', entry.at, end);
  };
  const [name, version, release] = [tags.name, tags.version, tags.release].map(textOf);
  if (name === undefined || version === undefined || release === undefined) {
    throw new Damaged('a package without name, version or release');
  }
  const epoch = positions.get(tags.epoch);
  return {
    name,
    version: `${version}-${release}`,
    epoch: epoch?.type === types.int32 ? `${blob.readUInt32BE(epoch.at)}` : undefined,
    architecture: textOf(tags.architecture),
    license: textOf(tags.license),
    supplier: textOf(tags.vendor),
    source: textOf(tags.source),
  };
}
