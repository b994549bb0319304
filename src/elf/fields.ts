import type { SyncAccess } from '../tree/access.ts';
import type { BrokenElf } from './elf.ts';
import { openNames } from './names.ts';

/** Ends the reading of a damaged file; `brokenOr` turns it into data, so it never leaves this folder. */
class ElfDamage extends Error {}

export function damaged(reason: string): never {
  throw new ElfDamage(reason);
}

export function brokenOr<T>(read: () => T): T | BrokenElf {
  try {
    return read();
  } catch (error) {
    if (error instanceof ElfDamage) {
      return { kind: 'broken', reason: error.message };
    }
    throw error;
  }
}

/** How the numbers of one file are written. */
export interface Encoding {
  readonly bits: 32 | 64;
  readonly littleEndian: boolean;
}

/** Numbers at positions in one table of a file. */
export interface Fields {
  readonly size: number;
  u16(position: number): number;
  u32(position: number): number;
  /** An address, offset or size: 4 or 8 bytes by the class of the file. */
  word(position: number): number;
}

/** Exactly the bytes asked for: a table that lies outside its file is damage, never a short read. */
export function bytesAt(
  access: SyncAccess,
  offset: number,
  length: number,
  what: string,
): Uint8Array {
  if (offset + length > access.size) {
    damaged(`${what} at ${offset} has ${length} bytes, the file ends at ${access.size}`);
  }
  const bytes = access.read(offset, length);
  if (bytes.length !== length) {
    damaged(`${what} at ${offset} has ${length} bytes, ${bytes.length} could be read`);
  }
  return bytes;
}

export function fieldsOf(bytes: Uint8Array, { bits, littleEndian }: Encoding): Fields {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = (position: number): number => {
    const value = Number(view.getBigUint64(position, littleEndian));
    // Beyond 2^53 a sum would be rounded, and a bound check passed by rounding.
    return Number.isSafeInteger(value) ? value : damaged(`a number above 2^53 at ${position}`);
  };
  return {
    size: bytes.length,
    u16: (position) => view.getUint16(position, littleEndian),
    u32: (position) => view.getUint32(position, littleEndian),
    word: (position) => (bits === 64 ? wide(position) : view.getUint32(position, littleEndian)),
  };
}

/** The text up to the first NUL, or the end, from `position` in a string table. */
export function stringIn(table: Uint8Array, position: number): string {
  return openStrings(table, table.length)(position);
}

/**
 * Reads names of a string table, `budget` bytes in all: the many names of a hostile file may each begin
 * anew at the start of a table that holds no NUL.
 */
export function openStrings(table: Uint8Array, budget: number): (position: number) => string {
  const nameAt = openNames(table);
  let left = budget;
  return (position) => {
    if (position >= table.length) {
      damaged(`a name at ${position} of a string table of ${table.length} bytes`);
    }
    const { name, size } = nameAt(position, left);
    if (size > left) {
      damaged(`names of more than ${budget} bytes together`);
    }
    left -= size;
    return name;
  };
}
