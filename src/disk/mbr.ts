/** Where a partition lies on a disk, in bytes; both are multiples of 512. */
export interface Partition {
  readonly offset: number;
  readonly size: number;
}

export const sectorSize = 512;

/** The second slot: the kernel names it /dev/vblk0.1 and mounts that as the root (OSv, loader.cc). */
const slotOffset = 0x1ce;
const firstSlotOffset = 0x1be;
const slotSize = 16;
const signatureOffset = 0x1fe;
const linux = 0x83;

/**
 * A copy of a boot sector with the partition in its second slot, and the signature 55 aa. All other bytes
 * are as they were. The entry is that of OSv's own tool (scripts/imgedit.py, setpartition), whose packing of
 * cylinders is not the usual one: the kernel wants a type and a start sector that are not zero (fs/devfs/
 * device.cc, read_partition_table), and takes the rest from the two 32-bit numbers.
 */
export function withPartition(bootSector: Uint8Array, partition: Partition): Uint8Array {
  const sector = Buffer.from(bootSector.subarray(0, sectorSize));
  const start = partition.offset / sectorSize;
  const count = partition.size / sectorSize;
  putChs(sector, slotOffset + 1, start);
  sector.writeUInt8(linux, slotOffset + 4);
  putChs(sector, slotOffset + 5, start + count);
  sector.writeUInt32LE(start, slotOffset + 8);
  sector.writeUInt32LE(count, slotOffset + 12);
  sector.writeUInt16LE(0xaa55, signatureOffset);
  return sector;
}

/** The boot code ends where the table of partitions begins. */
const bootCodeSize = 0x1b8;

/** Whether a disk that begins so has a program that a BIOS can start. */
export function hasBootCode(head: Uint8Array): boolean {
  return head.subarray(0, bootCodeSize).some((byte) => byte !== 0);
}

/** Whether a BIOS starts a disk that begins so; one that it does not is booted by who brings a kernel. */
export function startsFromBios(head: Uint8Array): boolean {
  return hasBootSignature(head) && hasBootCode(head);
}

/** Whether a disk that begins so has a boot sector: it ends in 55 aa. */
export function hasBootSignature(head: Uint8Array): boolean {
  return head[signatureOffset] === 0x55 && head[signatureOffset + 1] === 0xaa;
}

/**
 * The partition in the second slot, which may lie anywhere: undefined where there is none. Cylinders,
 * heads and the kind of partition are not looked at, beyond that it has one.
 */
export function partitionIn(bootSector: Uint8Array): Partition | undefined {
  const { buffer, byteOffset } = bootSector;
  const slot = Buffer.from(buffer, byteOffset + slotOffset, slotSize);
  const start = slot.readUInt32LE(8);
  const count = slot.readUInt32LE(12);
  if (slot[4] === 0 || start === 0 || count === 0) return undefined;
  return { offset: start * sectorSize, size: count * sectorSize };
}

/** What a slot of the partition table says, whether it can be so or not. */
export interface Slot {
  /** In bytes from the start of the sector. */
  readonly at: number;
  readonly type: number;
  /** Of the start in cylinders, heads and sectors: counted from 1. */
  readonly startSector: number;
  readonly partition: Partition;
}

/** All four slots. The second is that of the root. */
export function slotsIn(bootSector: Buffer): readonly Slot[] {
  return [0, 1, 2, 3].map((index) => {
    const at = firstSlotOffset + index * slotSize;
    const [start, count] = [bootSector.readUInt32LE(at + 8), bootSector.readUInt32LE(at + 12)];
    return {
      at,
      type: bootSector.readUInt8(at + 4),
      startSector: bootSector.readUInt8(at + 2) & 0x3f,
      partition: { offset: start * sectorSize, size: count * sectorSize },
    };
  });
}

/** Head, then cylinder and sector in 16 bits. The end is one past the last sector, as in the model. */
function putChs(target: Buffer, offset: number, sector: number): void {
  const { cylinder, head, number } = chs(sector);
  target.writeUInt8(head, offset);
  target.writeUInt16LE(((cylinder << 6) | number) & 0xffff, offset + 1);
}

function chs(sector: number): { cylinder: number; head: number; number: number } {
  const cylinder = Math.floor(sector / 63 / 255);
  if (cylinder > 1023) return { cylinder: 1023, head: 254, number: 63 };
  return { cylinder, head: Math.floor(sector / 63) % 255, number: (sector % 63) + 1 };
}
