import type { SyncAccess } from '../tree/access.ts';

/** Something that lies at a place of a disk. */
export interface Part {
  readonly offset: number;
  readonly access: SyncAccess;
}

/** A disk made of parts that do not overlap; zeros where none lies. Nothing is read before it is asked for. */
export function assemble(size: number, parts: readonly Part[]): SyncAccess {
  return {
    size,
    read(offset, length) {
      const bytes = Buffer.alloc(Math.max(0, Math.min(length, size - offset)));
      for (const { offset: start, access } of parts) {
        const from = Math.max(start, offset);
        const to = Math.min(start + access.size, offset + bytes.length);
        if (from < to) bytes.set(access.read(from - start, to - from), from - offset);
      }
      return bytes;
    },
  };
}

export function bytesPart(offset: number, bytes: Uint8Array): Part {
  return {
    offset,
    access: { size: bytes.length, read: (at, length) => bytes.subarray(at, at + length) },
  };
}
