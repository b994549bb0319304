import { invalidDisk } from '../disk/disk-error.ts';
import { hasBootCode, hasBootSignature, partitionIn, sectorSize } from '../disk/mbr.ts';
import { partOf } from '../disk/part.ts';
import { ConvertError } from '../error.ts';
import { hasBootSectorMark } from '../osv/loader-layout.ts';
import { blockSize, decodeSuperblock, isRofs, superblockSize } from '../rofs/format.ts';
import { shellWord } from '../shell-word.ts';
import type { SyncAccess } from '../tree/access.ts';

/**
 * Refuses a disk whose end was lost, as by a download or a copy that was cut short: its second partition, which OSv
 * mounts as its root, ends behind the end of the disk, or the ROFS in it behind the end of the partition. Else the
 * kernel would find out while it boots, or a program while it reads a file. A disk without a ROFS is for others to
 * judge.
 * @param disk as a machine sees it.
 * @throws ConvertError `DISK_INVALID`.
 */
export function requireWholeDisk(disk: SyncAccess, path: string): void {
  try {
    requireRoot(disk, path);
  } catch (cause) {
    throw withWayOut(cause, path);
  }
}

/** What was thrown for a disk that is damaged, with how to have a sound one; all else as it is. */
export function withWayOut(cause: unknown, path: string): unknown {
  if (!(cause instanceof ConvertError && cause.code === 'DISK_INVALID')) return cause;
  const hint = `osv-convert build REF -o ${shellWord(path)}\nor copy or fetch the file once more`;
  return new ConvertError(cause.code, cause.message, { hint, cause });
}

function requireRoot(disk: SyncAccess, path: string): void {
  const head = disk.read(0, sectorSize);
  if (head.length < sectorSize) {
    throw invalidDisk(path, `${head.length} bytes`, `at least ${sectorSize}, its first sector`);
  }
  const partition = hasBootSignature(head) ? partitionIn(head) : undefined;
  if (partition === undefined) return;
  const root = partOf(disk, partition);
  const superblock = Buffer.from(root.read(0, superblockSize));
  const isCut = superblock.length < superblockSize;
  if (!(isCut ? isForOsv(head) : isRofs(superblock))) return;
  const end = partition.offset + partition.size;
  if (end > disk.size) {
    const wanted = `at least ${end}, where its second partition ends`;
    throw invalidDisk(path, `${disk.size} bytes`, wanted);
  }
  const rofs = decodeSuperblock(superblock);
  // Where one of another version ends, the kernel may know.
  if (rofs === undefined) return;
  const size = (rofs.infoFirstBlock + rofs.infoBlocks) * blockSize;
  if (!(size <= partition.size)) {
    const least = Number.isNaN(size) ? 'more than 2^53' : `at least ${size}`;
    const found = `a second partition of ${partition.size} bytes`;
    throw invalidDisk(path, found, `${least}, where the ROFS in it ends`);
  }
  // Formats that say where each piece of a disk lies in the file refuse a place behind its end.
  root.read(Math.max(0, size - blockSize), blockSize);
}

/** Whether OSv is what boots a disk that begins so: its own loader does, or, without a program, one beside the disk. */
function isForOsv(head: Uint8Array): boolean {
  return hasBootSectorMark(head) || !hasBootCode(head);
}
