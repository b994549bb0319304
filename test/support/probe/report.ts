/** The text that the boot probe prints on the serial port, as data. */
import { decodeName, unescapeBytes } from './name.ts';

export interface ProbePartition {
  readonly type: number;
  readonly startSector: number;
  readonly sectors: number;
}

/** ROFS superblock (OSv: fs/rofs/rofs.hh). */
export interface ProbeSuperblock {
  readonly version: number;
  readonly blockSize: number;
  readonly structureInfoFirstBlock: number;
  readonly structureInfoBlocksCount: number;
  readonly directoryEntriesCount: number;
  readonly symlinksCount: number;
  readonly inodesCount: number;
}

/** What OSv reaches through a symlink; probe/resolve.h has the words' meaning. */
const REACHES = ['file', 'dir', 'missing', 'mount', 'broken-root-link', 'loop'] as const;
export type ProbeReach = (typeof REACHES)[number];

/** Paths and targets: bytes that are not UTF-8 are lone surrogates U+DC80 to U+DCFF. */
export type ProbeEntry =
  | { readonly kind: 'directory'; readonly path: string }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly size: number;
      /** As zlib.crc32 returns it. */
      readonly crc32: number;
    }
  | {
      readonly kind: 'symlink';
      readonly path: string;
      readonly target: string;
      readonly reaches: ProbeReach;
    };

export interface ProbeReport {
  /** Without the NUL at its end. */
  readonly commandLine: Uint8Array;
  readonly partition: ProbePartition;
  readonly superblock: ProbeSuperblock;
  /** Depth first, in the order of the disk, the root directory first. */
  readonly entries: readonly ProbeEntry[];
  /** All of it, as printed. */
  readonly text: string;
}

/** Throws unless the report is whole, and when the probe says that it found an error. */
export function parseProbeReport(text: string): ProbeReport {
  if (text === '') throw new Error('probe printed nothing: the disk does not boot');
  const lines = text.split('\r\n');
  const error = lines.find((line) => line.startsWith('probe: error '));
  if (error !== undefined) throw new Error(error);
  // Every line ends in \r\n, so a whole report splits into one empty string more.
  if (lines.pop() !== '') throw new Error(`probe report ends within a line:\n${text.slice(-500)}`);
  const done = match(lines.pop(), /^probe: done (\d+) files$/);
  const [commandLine, partition, superblock, ...rest] = lines;
  const entries = rest.map(parseEntry);
  const files = entries.filter((entry) => entry.kind === 'file').length;
  if (files !== integer(done[0])) {
    throw new Error(`probe report lists ${files} files, but its last line says ${done[0]}`);
  }
  refuseSamePath(entries);
  return {
    commandLine: unescapeBytes(match(commandLine, /^cmdline (.*)$/)[0]),
    partition: parsePartition(partition),
    superblock: parseSuperblock(superblock),
    entries,
    text,
  };
}

function parsePartition(line: string | undefined): ProbePartition {
  const [type, startSector, sectors] = match(
    line,
    /^partition type=(\d+) start=(\d+) sectors=(\d+) chs_sector=\d+$/,
  );
  return {
    type: integer(type),
    startSector: integer(startSector),
    sectors: integer(sectors),
  };
}

function parseSuperblock(line: string | undefined): ProbeSuperblock {
  const fields = new Map(
    match(line, /^superblock (.*)$/)[0]
      .split(' ')
      .map((field): [string, string | undefined] => {
        const [name, value] = match(field, /^(\w+)=(\d+)$/);
        return [name, value];
      }),
  );
  const field = (name: string): number => integer(fields.get(name));
  return {
    version: field('version'),
    blockSize: field('block_size'),
    structureInfoFirstBlock: field('structure_info_first_block'),
    structureInfoBlocksCount: field('structure_info_blocks_count'),
    directoryEntriesCount: field('directory_entries_count'),
    symlinksCount: field('symlinks_count'),
    inodesCount: field('inodes_count'),
  };
}

function parseEntry(line: string): ProbeEntry {
  const kind = line.slice(0, line.indexOf(' '));
  if (kind === 'dir') return { kind: 'directory', path: name(line.slice(4)) };
  if (kind === 'file') {
    const [path, size, crc32] = match(line, /^file (.+) (\d+) ([0-9a-f]{8})$/);
    return { kind: 'file', path: name(path), size: integer(size), crc32: Number(`0x${crc32}`) };
  }
  // The probe escapes '>' in names, so an arrow is an arrow.
  const [path, target, reached] = match(line, /^link ([^>]+) -> ([^>]+) => (\S+)$/);
  const reaches = REACHES.find((word) => word === reached);
  if (reaches === undefined) throw new Error(`probe report has an unknown word: ${line}`);
  return { kind: 'symlink', path: name(path), target: name(target), reaches };
}

/** The kernel finds the first of two equal names only, so a second one is a writer's mistake. */
function refuseSamePath(entries: readonly ProbeEntry[]): void {
  const seen = new Set<string>();
  for (const { path } of entries) {
    if (seen.has(path)) throw new Error(`probe report has a path twice: ${JSON.stringify(path)}`);
    seen.add(path);
  }
}

function name(escaped: string | undefined): string {
  return decodeName(unescapeBytes(escaped ?? ''));
}

function integer(digits: string | undefined): number {
  const value = Number(digits);
  if (!Number.isSafeInteger(value)) throw new Error(`probe report has a bad number: ${digits}`);
  return value;
}

/** The groups of a pattern that must fit; no pattern here has one that may be absent. */
function match(line: string | undefined, pattern: RegExp): [string, ...string[]] {
  const found = line === undefined ? null : pattern.exec(line);
  if (found === null) {
    throw new Error(`probe report has ${JSON.stringify(line)} where ${pattern} was expected`);
  }
  const [, first = '', ...rest] = found;
  return [first, ...rest];
}
