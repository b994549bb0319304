import type { SyncAccess } from '../tree/access.ts';
import { remembered } from '../tree/remembered.ts';
import { readDynamic } from './dynamic.ts';
import { type BrokenElf, type Elf, type Section, type Segment, segmentTypes } from './elf.ts';
import {
  brokenOr,
  bytesAt,
  damaged,
  type Encoding,
  type Fields,
  fieldsOf,
  openStrings,
  stringIn,
} from './fields.ts';

// A hostile file may announce 65 535 of each; real ones have a few dozen.
const segmentCap = 512;
const sectionCap = 16_384;
const sectionNamesCap = 1 << 20;
const interpreterCap = 4096;

interface Header extends Encoding {
  readonly type: number;
  readonly machine: number;
  readonly entry: number;
  readonly segmentTable: Table;
  readonly sectionTable: Table;
  readonly sectionNames: number;
}

interface Table {
  readonly offset: number;
  readonly entrySize: number;
  readonly count: number;
}

/**
 * Reads headers, segments, sections and the dynamic section of an ELF file of either class and byte
 * order (System V gABI, chapter 4). Reads tables only, never the whole file.
 * @returns undefined for a file that is no ELF, `broken` for one that only begins like one.
 */
export const readElf = remembered((access): Elf | BrokenElf | undefined =>
  hasMagic(access) ? brokenOr(() => readParts(access)) : undefined,
);

function hasMagic(access: SyncAccess): boolean {
  if (access.size < 16) {
    return false;
  }
  const magic = access.read(0, 4);
  return magic[0] === 0x7f && magic[1] === 0x45 && magic[2] === 0x4c && magic[3] === 0x46;
}

function readParts(access: SyncAccess): Elf {
  const { segmentTable, sectionTable, sectionNames, ...header } = readHeader(access);
  const segments = readSegments(access, header, segmentTable);
  const sections = brokenOr(() => readSections(access, header, sectionTable, sectionNames));
  const interpreter = segments.find(({ type }) => type === segmentTypes.interpreter);
  const tls = segments.find(({ type }) => type === segmentTypes.tls);
  return {
    kind: 'elf',
    ...header,
    segments,
    sections: 'kind' in sections ? [] : sections,
    ...(interpreter && { interpreter: readInterpreter(access, interpreter) }),
    ...(tls && { tls: { memorySize: tls.memorySize, align: tls.align } }),
    ...readDynamic(access, header, segments),
  };
}

function readHeader(access: SyncAccess): Header {
  const identification = access.read(0, 16);
  const bits = identification[4] === 2 ? 64 : 32;
  const littleEndian = identification[5] === 1;
  if (![1, 2].includes(identification[4] ?? 0) || ![1, 2].includes(identification[5] ?? 0)) {
    damaged(`class ${identification[4]} and byte order ${identification[5]}, wanted 1 or 2 each`);
  }
  const header = fieldsOf(bytesAt(access, 0, bits === 64 ? 64 : 52, 'the file header'), {
    bits,
    littleEndian,
  });
  const half = (at64: number, at32: number): number => header.u16(bits === 64 ? at64 : at32);
  const word = (at64: number, at32: number): number => header.word(bits === 64 ? at64 : at32);
  return {
    bits,
    littleEndian,
    type: header.u16(16),
    machine: header.u16(18),
    entry: word(24, 24),
    segmentTable: { offset: word(32, 28), entrySize: half(54, 42), count: half(56, 44) },
    sectionTable: { offset: word(40, 32), entrySize: half(58, 46), count: half(60, 48) },
    sectionNames: half(62, 50),
  };
}

function* rowsOf(
  access: SyncAccess,
  encoding: Encoding,
  table: Table,
  wanted: { readonly what: string; readonly entrySize: number; readonly cap: number },
): Generator<Fields> {
  if (table.count === 0 || table.offset === 0) {
    return;
  }
  if (table.entrySize !== wanted.entrySize) {
    damaged(`${wanted.what} entries of ${table.entrySize} bytes, wanted ${wanted.entrySize}`);
  }
  if (table.count > wanted.cap) {
    damaged(`${table.count} ${wanted.what} entries, at most ${wanted.cap} are read`);
  }
  const bytes = bytesAt(access, table.offset, table.count * table.entrySize, wanted.what);
  for (let index = 0; index < table.count; index++) {
    const start = index * table.entrySize;
    yield fieldsOf(bytes.subarray(start, start + wanted.entrySize), encoding);
  }
}

function readSegments(access: SyncAccess, encoding: Encoding, table: Table): readonly Segment[] {
  const wide = encoding.bits === 64;
  const rows = rowsOf(access, encoding, table, {
    what: 'program header',
    entrySize: wide ? 56 : 32,
    cap: segmentCap,
  });
  return Array.from(rows, (row) => ({
    type: row.u32(0),
    flags: row.u32(wide ? 4 : 24),
    offset: row.word(wide ? 8 : 4),
    address: row.word(wide ? 16 : 8),
    physicalAddress: row.word(wide ? 24 : 12),
    fileSize: row.word(wide ? 32 : 16),
    memorySize: row.word(wide ? 40 : 20),
    align: row.word(wide ? 48 : 28),
  }));
}

function readSections(
  access: SyncAccess,
  encoding: Encoding,
  table: Table,
  namesIndex: number,
): readonly Section[] {
  const wide = encoding.bits === 64;
  const rows = Array.from(
    rowsOf(access, encoding, table, {
      what: 'section header',
      entrySize: wide ? 64 : 40,
      cap: sectionCap,
    }),
    (row) => ({
      nameAt: row.u32(0),
      type: row.u32(4),
      address: row.word(wide ? 16 : 12),
      offset: row.word(wide ? 24 : 16),
      size: row.word(wide ? 32 : 20),
      entrySize: row.word(wide ? 56 : 36),
    }),
  );
  const names = rows[namesIndex];
  if (names === undefined) {
    return rows.map(({ nameAt: _, ...section }) => ({ ...section, name: '' }));
  }
  if (names.size > sectionNamesCap) {
    damaged(`section names of ${names.size} bytes, at most ${sectionNamesCap} are read`);
  }
  const text = bytesAt(access, names.offset, names.size, 'the section names');
  const nameOf = openStrings(text, sectionNamesCap);
  return rows.map(({ nameAt, ...section }) => ({ ...section, name: nameOf(nameAt) }));
}

function readInterpreter(access: SyncAccess, segment: Segment): string {
  if (segment.fileSize > interpreterCap) {
    damaged(`an interpreter path of ${segment.fileSize} bytes, at most ${interpreterCap} are read`);
  }
  const bytes = bytesAt(access, segment.offset, segment.fileSize, 'the interpreter path');
  return bytes.length === 0 ? '' : stringIn(bytes, 0);
}
