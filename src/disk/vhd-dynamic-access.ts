import type { SyncAccess } from '../tree/access.ts';
import { accessOfBlocks } from './block-access.ts';
import { invalidDisk } from './disk-error.ts';
import { sectorSize, unallocated } from './vhd-dynamic-format.ts';
import { readDynamicLayout } from './vhd-dynamic-layout.ts';
import { hasFooterAt } from './vhd-footer.ts';

/** A file that begins with a footer, as QEMU tells it too (block/vpc.c). */
export function isDynamicVhd(file: SyncAccess): boolean {
  return hasFooterAt(file, 0);
}

/**
 * The disk in a file that `isDynamicVhd`. Memory is its table.
 * @throws ConvertError as `readDynamicLayout`; `read` throws `DISK_INVALID` where a sector that was never written
 * has bytes, for some programs read them, and others zeros.
 */
export function openDynamicVhdAccess(file: SyncAccess, path: string): SyncAccess {
  const { size, blockSize, mapSize, table } = readDynamicLayout(file, path);

  function fill(target: Buffer, block: number, within: number): void {
    const entry = table.readUInt32BE(block * 4);
    if (entry === unallocated) return;
    const start = entry * sectorSize;
    target.set(file.read(start + mapSize + within, target.length));
    requireWritten(target, block, within, start);
  }

  function requireWritten(bytes: Buffer, block: number, within: number, map: number): void {
    const first = Math.floor(within / sectorSize);
    const last = Math.floor((within + bytes.length - 1) / sectorSize);
    const at = Math.floor(first / 8);
    const bits = file.read(map + at, Math.floor(last / 8) - at + 1);
    if (bits.every((eight) => eight === 0xff)) return;
    for (let sector = first; sector <= last; sector += 1) {
      const eight = bits[Math.floor(sector / 8) - at] ?? 0;
      if ((eight & (0x80 >> (sector % 8))) !== 0) continue;
      const from = sector * sectorSize - within;
      const part = bytes.subarray(Math.max(0, from), from + sectorSize);
      if (part.every((byte) => byte === 0)) continue;
      const found = `bytes in sector ${sector} of block ${block}, which was never written`;
      throw invalidDisk(path, found, 'zeros');
    }
  }

  return accessOfBlocks(size, blockSize, fill);
}
