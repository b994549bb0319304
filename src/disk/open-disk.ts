import type { ConvertError } from '../error.ts';
import { isRofs, superblockSize } from '../rofs/format.ts';
import type { SyncAccess } from '../tree/access.ts';
import { invalidDisk, unsupportedDisk } from './disk-error.ts';
import { openFileAccess } from './file-access.ts';
import { type Kind, kindOf, kindReach } from './file-kind.ts';
import { foreignHint } from './foreign-hint.ts';
import { hasBootSignature, type Partition, partitionIn, sectorSize } from './mbr.ts';
import { openQcow2Access } from './qcow2-access.ts';
import { isQcow2 } from './qcow2-header.ts';

/** A finished disk, open for reading. */
export interface OpenDisk {
  /** The ROFS on it: what the partition holds, or all of a file that is nothing but a ROFS. */
  readonly rofs: SyncAccess;
  close(): void;
}

/**
 * Opens the disk at `path` and finds its ROFS, in the partition where OSv looks for it: the second slot
 * of the partition table (loader.cc, /dev/vblk0.1). A disk is raw or qcow2. Nothing of it is believed,
 * and no more of it read than is asked for.
 * @throws ConvertError `USAGE` for what is no file, `ACCESS_DENIED`; `DISK_UNSUPPORTED` for other kinds of
 * files and disks, `DISK_INVALID` for one that contradicts itself, which `read` may throw too.
 */
export async function openDisk(path: string): Promise<OpenDisk> {
  const file = openFileAccess(path);
  try {
    const disk = isQcow2(file) ? await openQcow2Access(file, path) : file;
    return { rofs: rofsOn(disk, path), close: file.close };
  } catch (error) {
    file.close();
    throw error;
  }
}

function rofsOn(disk: SyncAccess, path: string): SyncAccess {
  const head = disk.read(0, kindReach);
  if (isRofs(head)) return disk;
  const partition = hasBootSignature(head) ? partitionIn(head) : undefined;
  const end = partition && partition.offset + partition.size;
  if (partition && end !== undefined && end <= disk.size) {
    const rofs = partOf(disk, partition);
    if (isRofs(rofs.read(0, superblockSize))) return rofs;
  }
  // A boot sector has room for the words of other kinds.
  const kind = kindOf(head);
  if (kind || !hasBootSignature(head)) throw notOurs(disk, path, head, kind);
  if (end === undefined) throw invalidDisk(path, 'no second partition', 'the ROFS in it');
  if (end > disk.size) {
    const found = `a partition up to byte ${end} on a disk of ${disk.size} bytes`;
    throw invalidDisk(path, found, 'all of it');
  }
  throw unsupportedDisk(path, 'no ROFS in the second partition', 'one, as OSv boots from');
}

function notOurs(
  disk: SyncAccess,
  path: string,
  head: Uint8Array,
  kind: Kind | undefined,
): ConvertError {
  const found =
    kind?.name ?? (head.length < sectorSize ? `${head.length} bytes` : 'no boot sector');
  const wanted = 'a raw or qcow2 disk of OSv, or a ROFS alone';
  return unsupportedDisk(path, found, wanted, kind && foreignHint(disk, path, kind));
}

function partOf(disk: SyncAccess, { offset, size }: Partition): SyncAccess {
  return {
    size,
    read: (at, length) => disk.read(offset + at, Math.max(0, Math.min(length, size - at))),
  };
}
