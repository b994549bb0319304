import type { SyncAccess } from '../tree/access.ts';
import { accessOfBlocks } from './block-access.ts';
import { conversionOf, invalidDisk, unsupportedDisk } from './disk-error.ts';
import { blockSize, discarded, mapOffset, signature, unallocated, version } from './vdi.ts';

export function isVdi(file: SyncAccess): boolean {
  const bytes = Buffer.from(file.read(64, 4));
  return bytes.length === 4 && bytes.readUInt32LE() === signature;
}

/** Dynamic, and with room for each block from the beginning. */
const types = [1, 2];
/** Of a map, in bytes: enough for 16 TiB, as QEMU takes it. */
const maxMapSize = 64 << 20;

/**
 * The disk in a file that `isVdi`. All places are checked beforehand, so that one that was cut short is known at
 * once; memory is the map.
 * @throws ConvertError `DISK_UNSUPPORTED` for other versions and kinds; `DISK_INVALID`.
 */
export function openVdiAccess(file: SyncAccess, path: string): SyncAccess {
  const header = Buffer.from(file.read(0, mapOffset));
  if (header.length < mapOffset) {
    throw invalidDisk(path, `a header cut off at byte ${header.length}`, 'a whole one');
  }
  refuseKinds(header, path);
  const size = Number(header.readBigUInt64LE(368));
  const blocks = header.readUInt32LE(384);
  const [mapAt, dataAt] = [header.readUInt32LE(340), header.readUInt32LE(344)];
  if (!(size <= blocks * blockSize && blocks * 4 <= maxMapSize)) {
    throw invalidDisk(path, `${blocks} blocks for ${size} bytes`, 'one for each MiB');
  }
  const map = Buffer.from(file.read(mapAt, blocks * 4));
  if (map.length < blocks * 4) {
    throw invalidDisk(
      path,
      `a map of blocks at byte ${mapAt}`,
      `its end within ${file.size} bytes`,
    );
  }

  requireBlocks();

  /** One in the midst of the disk may be the last of the file. */
  function requireBlocks(): void {
    for (let block = 0; block * blockSize < size; block += 1) {
      const entry = map.readUInt32LE(block * 4);
      if (entry === unallocated || entry === discarded) continue;
      const start = dataAt + entry * blockSize;
      if (start + Math.min(blockSize, size - block * blockSize) <= file.size) continue;
      const wanted = `its end within ${file.size} bytes`;
      throw invalidDisk(path, `block ${block} at byte ${start}`, wanted);
    }
  }

  function fill(target: Buffer, block: number, within: number): void {
    const entry = map.readUInt32LE(block * 4);
    if (entry === unallocated || entry === discarded) return;
    target.set(file.read(dataAt + entry * blockSize + within, target.length));
  }

  return accessOfBlocks(size, blockSize, fill);
}

function refuseKinds(header: Buffer, path: string): void {
  const unsupported = (found: string, wanted: string) =>
    unsupportedDisk(path, found, wanted, conversionOf(path));
  const found = header.readUInt32LE(68);
  if (found !== version) throw unsupported(`a VDI of version ${found.toString(16)}`, '10001 (1.1)');
  const type = header.readUInt32LE(76);
  if (!types.includes(type)) throw unsupported(`a VDI of type ${type}`, '1 (dynamic) or 2 (fixed)');
  const [size, extra] = [header.readUInt32LE(376), header.readUInt32LE(380)];
  if (size !== blockSize || extra !== 0) {
    throw unsupported(`blocks of ${size} and ${extra} bytes`, `${blockSize} and 0`);
  }
}
