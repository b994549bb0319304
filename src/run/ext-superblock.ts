/** What the superblock of an ext4 tells of mounting it on OSv. */
export type ExtState =
  | { readonly kind: 'none' }
  /** Something OSv's driver does not know; it fits behind "found". */
  | { readonly kind: 'unsupported'; readonly reason: string }
  | { readonly kind: 'ext'; readonly clean: boolean };

/** Bytes from the beginning of the file system in which the superblock lies (Linux, fs/ext4/ext4.h). */
export const superblockEnd = 2048;

const offset = 1024;

/** Features by which OSv's lwext4 can mount a file system, and write to it (include/ext4_types.h of it). */
const incompatible = 0x02 | 0x04 | 0x10 | 0x40 | 0x80 | 0x100 | 0x200;
const readOnly = 0x01 | 0x02 | 0x08 | 0x10 | 0x20 | 0x40 | 0x400;

/** A journal that is to be replayed, which OSv does not. */
const needsRecovery = 0x04;

/** @param head the first `superblockEnd` bytes; fewer are none of an ext4. */
export function extStateOf(head: Buffer): ExtState {
  if (head.length < superblockEnd || head.readUInt16LE(offset + 0x38) !== 0xef53) {
    return { kind: 'none' };
  }
  const blockSize = 1024 * 2 ** Math.min(head.readUInt32LE(offset + 0x18), 20);
  if (blockSize !== 4096) return { kind: 'unsupported', reason: `blocks of ${blockSize} bytes` };
  const required = head.readUInt32LE(offset + 0x60);
  const unknown =
    bitsBeyond(required, incompatible) || bitsBeyond(head.readUInt32LE(offset + 0x64), readOnly);
  if (unknown !== 0) {
    return {
      kind: 'unsupported',
      reason: `features OSv does not know (0x${unknown.toString(16)})`,
    };
  }
  // Bit 0: unmounted in good order. Bit 1: errors were met; OSv sets it while it has it mounted.
  const state = head.readUInt16LE(offset + 0x3a) & 3;
  return { kind: 'ext', clean: state === 1 && (required & needsRecovery) === 0 };
}

function bitsBeyond(bits: number, known: number): number {
  return (bits & ~known) >>> 0;
}
