import { decodeSuperblock, superblockSize, blockSize as unit } from '../rofs/format.ts';
import { invalidDisk } from './disk-error.ts';
import { openFileAccess } from './file-access.ts';
import { partitionIn, sectorSize } from './mbr.ts';

const pieceSize = 1 << 20;

/**
 * All of the raw disk at `path` but the contents of its files: boot sector, command line and kernel, then
 * superblock and tables of its ROFS; its size before them.
 * @throws ConvertError `USAGE`, `ACCESS_DENIED`; `DISK_INVALID` where these lead out of it.
 */
export function* frameOf(path: string): Generator<Uint8Array, void, undefined> {
  const disk = openFileAccess(path);
  try {
    const partition = partitionIn(disk.read(0, sectorSize));
    const start = partition?.offset ?? 0;
    const superblock = decodeSuperblock(Buffer.from(disk.read(start, superblockSize)));
    const tables = start + (superblock?.infoFirstBlock ?? Number.NaN) * unit;
    if (!(start > 0 && tables < disk.size)) {
      throw invalidDisk(path, 'no ROFS in the second partition', 'a disk made by build');
    }
    yield Buffer.from(`${disk.size}\n`);
    yield* piecesOf(0, start + superblockSize);
    yield* piecesOf(tables, disk.size);
  } finally {
    disk.close();
  }

  function* piecesOf(from: number, to: number): Generator<Uint8Array, void, undefined> {
    for (let at = from; at < to; at += pieceSize) yield disk.read(at, Math.min(pieceSize, to - at));
  }
}
