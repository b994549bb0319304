import type { SyncAccess } from '../tree/access.ts';
import { dynamicTags, placeOf, valueOfTag } from './dynamic.ts';
import { type BrokenElf, type Elf, sectionTypes } from './elf.ts';
import { brokenOr, bytesAt, damaged, fieldsOf, openStrings } from './fields.ts';

// OSv built with every symbol exported has about 100 000.
const symbolCap = 1 << 20;
const stringsCap = 1 << 26;
const hashCap = 1 << 20;

/** An entry of the dynamic symbol table (System V gABI, chapter 4, "Symbol Table"). */
export interface DynamicSymbol {
  readonly name: string;
  readonly defined: boolean;
  readonly binding: 'local' | 'global' | 'weak' | 'other';
  /** `ELF_ST_TYPE`: 1 object, 2 function, 6 thread-local. */
  readonly type: number;
}

const bindings = ['local', 'global', 'weak'] as const;

/** The dynamic symbols of `elf` without the empty first one; `[]` for a file that has none. */
export function readSymbols(access: SyncAccess, elf: Elf): readonly DynamicSymbol[] | BrokenElf {
  return brokenOr(() => symbolsOf(access, elf));
}

function symbolsOf(access: SyncAccess, elf: Elf): readonly DynamicSymbol[] {
  const address = valueOfTag(elf.dynamic, dynamicTags.symbols);
  const count = address === undefined ? 0 : countOf(access, elf);
  if (address === undefined || count <= 1) {
    return [];
  }
  if (count > symbolCap) {
    damaged(`${count} dynamic symbols, at most ${symbolCap} are read`);
  }
  const wide = elf.bits === 64;
  const entrySize = wide ? 24 : 16;
  const place = placeOf(elf.segments, address);
  const bytes = bytesAt(access, place.offset, count * entrySize, 'the dynamic symbols');
  const nameAt = openStrings(stringTable(access, elf), stringsCap);
  const fields = fieldsOf(bytes, elf);
  const symbols: DynamicSymbol[] = [];
  for (let start = entrySize; start < bytes.length; start += entrySize) {
    const info = bytes[start + (wide ? 4 : 12)] ?? 0;
    symbols.push({
      name: nameAt(fields.u32(start)),
      defined: fields.u16(start + (wide ? 6 : 14)) !== 0,
      binding: bindings[info >> 4] ?? 'other',
      type: info & 15,
    });
  }
  return symbols;
}

function stringTable(access: SyncAccess, elf: Elf): Uint8Array {
  const address = valueOfTag(elf.dynamic, dynamicTags.strings);
  const size = valueOfTag(elf.dynamic, dynamicTags.stringsSize);
  if (address === undefined || size === undefined || size > stringsCap) {
    return damaged(`a dynamic string table of ${size} bytes, at most ${stringsCap} are read`);
  }
  return bytesAt(access, placeOf(elf.segments, address).offset, size, 'the dynamic strings');
}

/** The table does not say its length: the section does, or else one of the two hash tables. */
function countOf(access: SyncAccess, elf: Elf): number {
  const section = elf.sections.find(({ type }) => type === sectionTypes.dynamicSymbols);
  if (section !== undefined && section.entrySize > 0) {
    return Math.floor(section.size / section.entrySize);
  }
  const hash = valueOfTag(elf.dynamic, dynamicTags.hash);
  if (hash !== undefined) {
    const { offset } = placeOf(elf.segments, hash);
    return fieldsOf(bytesAt(access, offset, 8, 'the symbol hash table'), elf).u32(4);
  }
  const gnuHash = valueOfTag(elf.dynamic, dynamicTags.gnuHash);
  return gnuHash === undefined ? 0 : countByGnuHash(access, elf, gnuHash);
}

/** The highest bucket starts the last chain; an odd hash value ends it. */
function countByGnuHash(access: SyncAccess, elf: Elf, address: number): number {
  const { offset, available } = placeOf(elf.segments, address);
  const header = fieldsOf(bytesAt(access, offset, 16, 'the symbol hash table'), elf);
  const buckets = header.u32(0);
  const firstHashed = header.u32(4);
  const bucketsAt = 16 + header.u32(8) * (elf.bits / 8);
  if (buckets > hashCap) {
    damaged(`${buckets} symbol hash buckets, at most ${hashCap} are read`);
  }
  const table = fieldsOf(bytesAt(access, offset + bucketsAt, buckets * 4, 'hash buckets'), elf);
  let last = 0;
  for (let index = 0; index < buckets; index++) {
    last = Math.max(last, table.u32(index * 4));
  }
  if (last < firstHashed) {
    return firstHashed;
  }
  const chainsAt = bucketsAt + buckets * 4;
  const chainAt = chainsAt + (last - firstHashed) * 4;
  const length = Math.floor(Math.min(Math.max(available - chainAt, 0), hashCap * 4) / 4) * 4;
  const chain = fieldsOf(bytesAt(access, offset + chainAt, length, 'hash chains'), elf);
  for (let position = 0; position < length; position += 4) {
    if (chain.u32(position) % 2 === 1) {
      return last + position / 4 + 1;
    }
  }
  return damaged('the last symbol hash chain has no end');
}
