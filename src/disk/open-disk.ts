import type { ConvertError } from '../error.ts';
import { isRofs, superblockSize } from '../rofs/format.ts';
import type { SyncAccess } from '../tree/access.ts';
import { invalidDisk, unsupportedDisk } from './disk-error.ts';
import { openFileAccess } from './file-access.ts';
import { type Kind, kindOf, kindReach } from './file-kind.ts';
import { foreignHint, isComputeDisk, unpackingOf } from './foreign-hint.ts';
import { hasBootSignature, partitionIn, sectorSize } from './mbr.ts';
import { partOf } from './part.ts';
import { diskIn, formatOf, type ReadFormat } from './read-format.ts';

/** A finished disk, open for reading. */
export interface OpenDisk {
  /** The ROFS on it: what the partition holds, or all of a file that is nothing but a ROFS. */
  readonly rofs: SyncAccess;
  close(): void;
}

/** A disk as a machine sees it, from its first byte on, or a file that is no disk. */
export interface WholeDisk {
  readonly disk: SyncAccess;
  readonly format: ReadFormat;
  close(): void;
}

/**
 * Opens the disk at `path`, whatever is on it: raw, qcow2, streamOptimized vmdk, vdi, or vhd, fixed or dynamic.
 * @throws ConvertError as `openDisk` does for the file itself.
 */
export async function openWholeDisk(path: string): Promise<WholeDisk> {
  const file = openFileAccess(path);
  try {
    const format = formatOf(file);
    return { disk: await diskIn(file, path, format), format, close: file.close };
  } catch (error) {
    file.close();
    throw error;
  }
}

/**
 * Opens the disk at `path` and finds its ROFS, in the partition where OSv looks for it: the second slot
 * of the partition table (loader.cc, /dev/vblk0.1). Nothing of it is believed, and no more of it read than
 * is asked for.
 * @throws ConvertError `USAGE` for what is no file, `ACCESS_DENIED`; `DISK_UNSUPPORTED` for other kinds of
 * files and disks, `DISK_INVALID` for one that contradicts itself, which `read` may throw too.
 */
export async function openDisk(path: string): Promise<OpenDisk> {
  const { disk, close } = await openWholeDisk(path);
  try {
    return { rofs: rofsOn(disk, path), close };
  } catch (error) {
    close();
    throw error;
  }
}

/**
 * The ROFS on a disk as a machine sees it.
 * @throws ConvertError `DISK_UNSUPPORTED`, `DISK_INVALID`; what `disk.read` does.
 */
export function rofsOn(disk: SyncAccess, path: string): SyncAccess {
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

/**
 * Refuses a raw disk that is a file of another kind, which only its packing or its format hides.
 * @throws ConvertError `DISK_UNSUPPORTED`.
 */
export function refusePacked(
  { disk, format }: Pick<WholeDisk, 'disk' | 'format'>,
  path: string,
): void {
  const head = disk.read(0, kindReach);
  const kind = format === 'raw' && !hasBootSignature(head) ? kindOf(head) : undefined;
  if (kind?.isDisk || kind?.isArchive || kind?.packed) throw notOurs(disk, path, head, kind);
}

function notOurs(
  disk: SyncAccess,
  path: string,
  head: Uint8Array,
  kind: Kind | undefined,
): ConvertError {
  const found =
    kind?.name ?? (head.length < sectorSize ? `${head.length} bytes` : 'no boot sector');
  const wanted = 'a disk of OSv (raw, qcow2, vmdk, vdi or vhd), or a ROFS alone';
  if (kind?.packed && isComputeDisk(disk)) {
    const packed = 'a disk for Google Compute Engine, packed';
    return unsupportedDisk(path, packed, wanted, unpackingOf(path));
  }
  return unsupportedDisk(path, found, wanted, kind && foreignHint(disk, path, kind));
}
