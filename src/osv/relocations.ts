import type { Elf } from '../elf/elf.ts';
import { machines } from '../elf/elf.ts';
import { readElf } from '../elf/read.ts';
import {
  placeOfTagValue,
  type Relocations,
  type RelocationTable,
  readRelocations,
  relocationSize,
  relocationTags,
  relocationTypes,
} from '../elf/relocations.ts';
import type { SyncAccess } from '../tree/access.ts';

/** Bytes that stand in a file in the place of others. */
export interface Patch {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** What OSv on aarch64 makes of the relocations of a file. */
export interface RelocationVerdict {
  /** What to change in the file, so that OSv can load it; none for most. */
  readonly patches: readonly Patch[];
  /** TLS descriptors that the patches bring to where OSv knows them. */
  readonly moved: number;
  /** Bytes of relocations that were read. */
  readonly size: number;
  /** Types for which OSv ends the machine when it loads the file, patched. */
  readonly unknown: readonly number[];
}

/** R_AARCH64_TLSDESC (ELF for the Arm 64-bit Architecture, dynamic relocations). */
const tlsDescriptor = 1031;

/**
 * What OSv knows in each table (arch/aarch64/arch-elf.cc, `arch_relocate_rela`; core/elf.cc,
 * `relocate_pltgot`); for all else it ends the machine.
 */
const knownInTable = new Set([0, 256, 257, 1024, 1025, 1026, 1027, 1030, 1032]);
const knownInJumps = new Set([1026, tlsDescriptor, 1032]);

/**
 * Whether OSv can load a file for arm64, and how to change it so that it can.
 *
 * OSv knows TLS descriptors among the relocations of functions only, where GNU ld puts them. LLD, which links
 * .NET, puts them among all others, at which OSv ends the machine ("unknown relocation type"). The two tables
 * follow one another in such files: the descriptors are moved behind the functions, and the border before
 * these. All entries stay as they are and are done when the file is loaded, as before; those of functions
 * keep their order, for OSv finds one that is called late by its number (core/elf.cc, `resolve_pltgot`).
 * @returns undefined for what is no file for arm64 that is linked dynamically, or is damaged.
 */
export function judgeRelocations(access: SyncAccess): RelocationVerdict | undefined {
  const elf = readElf(access);
  const isOurs =
    elf?.kind === 'elf' && elf.machine === machines.arm64 && elf.bits === 64 && elf.littleEndian;
  if (!isOurs) return undefined;
  const relocations = readRelocations(access, elf);
  if ('kind' in relocations) return undefined;
  const types = relocationTypes(relocations.table?.bytes ?? new Uint8Array());
  const patches = types.includes(tlsDescriptor) ? patchesFor(elf, relocations, types) : [];
  const isMoved = patches.length > 0;
  const unknown = [
    ...types.filter((type) => !knownInTable.has(type) && !(isMoved && type === tlsDescriptor)),
    ...relocationTypes(relocations.jumps?.bytes ?? new Uint8Array()).filter(
      (type) => !knownInJumps.has(type),
    ),
  ];
  return {
    patches,
    size: (relocations.table?.bytes.length ?? 0) + (relocations.jumps?.bytes.length ?? 0),
    moved: isMoved ? types.filter((type) => type === tlsDescriptor).length : 0,
    unknown: [...new Set(unknown)].sort((a, b) => a - b),
  };
}

/** None for a file whose tables are not one behind the other, or that has no table of functions. */
function patchesFor(
  elf: Elf,
  { table, jumps }: Relocations,
  types: readonly number[],
): readonly Patch[] {
  const [tableSizeAt, jumpsAt, jumpsSizeAt] = [
    relocationTags.tableSize,
    relocationTags.jumps,
    relocationTags.jumpsSize,
  ].map((tag) => placeOfTagValue(elf, tag));
  if (table === undefined || jumps === undefined || !follows(table, jumps)) return [];
  if (tableSizeAt === undefined || jumpsAt === undefined || jumpsSizeAt === undefined) return [];
  const isDescriptor = (index: number): boolean => types[index] === tlsDescriptor;
  const entries = types.map((_, index) => entryOf(table.bytes, index));
  const descriptors = entries.filter((_, index) => isDescriptor(index));
  const others = entries.filter((_, index) => !isDescriptor(index));
  const moved = descriptors.length * relocationSize;
  return [
    { offset: table.offset, bytes: Buffer.concat([...others, jumps.bytes, ...descriptors]) },
    { offset: tableSizeAt, bytes: wordOf(table.bytes.length - moved) },
    { offset: jumpsAt, bytes: wordOf(jumps.address - moved) },
    { offset: jumpsSizeAt, bytes: wordOf(jumps.bytes.length + moved) },
  ];
}

function follows(table: RelocationTable, jumps: RelocationTable): boolean {
  const { length } = table.bytes;
  return table.address + length === jumps.address && table.offset + length === jumps.offset;
}

function entryOf(bytes: Uint8Array, index: number): Uint8Array {
  return bytes.subarray(index * relocationSize, (index + 1) * relocationSize);
}

function wordOf(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** A file as it is with `patches`, which do not overlap. */
export function patchedAccess(access: SyncAccess, patches: readonly Patch[]): SyncAccess {
  return {
    size: access.size,
    read(offset, length) {
      const bytes = access.read(offset, length);
      const read = patches.some((patch) => overlaps(patch, offset, bytes.length))
        ? Uint8Array.from(bytes)
        : bytes;
      for (const patch of patches) {
        if (!overlaps(patch, offset, read.length)) continue;
        const from = Math.max(0, offset - patch.offset);
        const part = patch.bytes.subarray(from, offset + read.length - patch.offset);
        read.set(part, patch.offset + from - offset);
      }
      return read;
    },
  };
}

function overlaps({ offset, bytes }: Patch, from: number, length: number): boolean {
  return offset < from + length && from < offset + bytes.length;
}
