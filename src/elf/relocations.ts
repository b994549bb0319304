import type { SyncAccess } from '../tree/access.ts';
import { placeOf, valueOfTag } from './dynamic.ts';
import { type BrokenElf, type Elf, segmentTypes } from './elf.ts';
import { brokenOr, bytesAt, damaged } from './fields.ts';

/** Bytes of an entry with an addend of a 64-bit file (System V gABI, chapter 4, `Elf64_Rela`). */
export const relocationSize = 24;

/** In bytes. libcoreclr has half a MiB of them. */
const tableCap = 8 << 20;

/** Tags of the dynamic section (System V gABI, chapter 5). */
export const relocationTags = {
  jumpsSize: 2,
  table: 7,
  tableSize: 8,
  jumps: 23,
} as const;

/** The tables of a 64-bit file by which its loader sets addresses; a file may lack either. */
export interface Relocations {
  /** DT_RELA: what is done when the file is loaded. */
  readonly table: RelocationTable | undefined;
  /** DT_JMPREL: of functions, which may be done when one is first called. */
  readonly jumps: RelocationTable | undefined;
}

export interface RelocationTable {
  readonly address: number;
  /** Where it lies in the file. */
  readonly offset: number;
  /** Whole entries. */
  readonly bytes: Uint8Array;
}

/** The relocations of a 64-bit, little-endian file. */
export function readRelocations(access: SyncAccess, elf: Elf): Relocations | BrokenElf {
  return brokenOr(() => ({
    table: readTable(access, elf, relocationTags.table, relocationTags.tableSize),
    jumps: readTable(access, elf, relocationTags.jumps, relocationTags.jumpsSize),
  }));
}

function readTable(
  access: SyncAccess,
  { dynamic, segments }: Elf,
  tag: number,
  sizeTag: number,
): RelocationTable | undefined {
  const address = valueOfTag(dynamic, tag);
  const size = valueOfTag(dynamic, sizeTag) ?? 0;
  if (address === undefined || size === 0) return undefined;
  if (size > tableCap) damaged(`relocations of ${size} bytes, at most ${tableCap} are read`);
  const { offset, available } = placeOf(segments, address);
  if (size > available) damaged(`relocations of ${size} bytes, ${available} are in their segment`);
  const whole = size - (size % relocationSize);
  return { address, offset, bytes: bytesAt(access, offset, whole, 'the relocations') };
}

/** Where in the file the value of the first entry of `tag` lies; undefined where there is none. */
export function placeOfTagValue({ dynamic, segments, bits }: Elf, tag: number): number | undefined {
  const index = dynamic.findIndex((one) => one.tag === tag);
  const segment = segments.find(({ type }) => type === segmentTypes.dynamic);
  if (index === -1 || segment === undefined) return undefined;
  const wordSize = bits / 8;
  return segment.offset + (2 * index + 1) * wordSize;
}

/** The types of the entries of a table, in order (`ELF64_R_TYPE`). */
export function relocationTypes(bytes: Uint8Array): readonly number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / relocationSize) }, (_, index) =>
    view.getUint32(index * relocationSize + 8, true),
  );
}

/** The numbers of the symbols that either table refers to (`ELF64_R_SYM`). */
export function referredSymbols({ table, jumps }: Relocations): ReadonlySet<number> {
  const numbers = new Set<number>();
  for (const { bytes } of [table, jumps].filter((one) => one !== undefined)) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 12; at < bytes.length; at += relocationSize)
      numbers.add(view.getUint32(at, true));
  }
  return numbers;
}
