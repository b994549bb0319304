import { geometryOf } from './geometry.ts';

/*
 * VMDK, the form called streamOptimized (VMware, Virtual Disk Format 5.0), all integers little-endian, all
 * places in sectors of 512 bytes:
 *
 *     sector 0        header, which says that the directory is told of at the end
 *     then            the descriptor, a text
 *     from 128 on     grains that are not zero, compressed (zlib, RFC 1950), each behind its marker, and after
 *                     each 512 of them a marker and the grain table that points to them
 *     at the end      the directory of tables, the header once more with its place, a marker of the end
 */

export const sectorSize = 512;
export const grainSize = 65_536;
export const grainsPerTable = 512;
export const headerSize = sectorSize;
const descriptorSectors = 20;
export const overheadSectors = 128;
/** Before the compressed bytes of a grain: its first sector on the disk, and how many bytes follow. */
export const grainMarkerSize = 12;

/** Behind these come sectors of metadata. */
export const markers = { end: 0, table: 1, directory: 2, footer: 3 } as const;

const versionOfStreams = 3;
const flags = { checkedNewlines: 1, compressed: 1 << 16, markers: 1 << 17 };
const deflate = 1;
const atEnd = 0xffff_ffff_ffff_ffffn;

/** `directorySector` is undefined where only the footer will know it. */
export function formatHeader(size: number, directorySector: number | undefined): Buffer {
  const bytes = Buffer.alloc(headerSize);
  bytes.write('KDMV', 0, 'latin1');
  bytes.writeUInt32LE(versionOfStreams, 4);
  bytes.writeUInt32LE(flags.checkedNewlines | flags.compressed | flags.markers, 8);
  bytes.writeBigUInt64LE(BigInt(size / sectorSize), 12);
  bytes.writeBigUInt64LE(BigInt(grainSize / sectorSize), 20);
  bytes.writeBigUInt64LE(1n, 28);
  bytes.writeBigUInt64LE(BigInt(descriptorSectors), 36);
  bytes.writeUInt32LE(grainsPerTable, 44);
  bytes.writeBigUInt64LE(directorySector === undefined ? atEnd : BigInt(directorySector), 56);
  bytes.writeBigUInt64LE(BigInt(overheadSectors), 64);
  bytes.write('\n \r\n', 73, 'latin1');
  bytes.writeUInt16LE(deflate, 77);
  return bytes;
}

/** What is needed of a header, or its copy at the end, to read the disk. */
export interface VmdkHeader {
  /** Bytes of the disk. */
  readonly size: number;
  /** Bytes. */
  readonly grain: number;
  readonly tableEntries: number;
  readonly directorySector: number;
}

/** Undefined for a VMDK of another form. Nothing is checked but the form. */
export function parseHeader(bytes: Buffer): VmdkHeader | undefined {
  const streams = flags.compressed | flags.markers;
  const isStream =
    (bytes.readUInt32LE(8) & streams) === streams && bytes.readUInt16LE(77) === deflate;
  if (bytes.toString('latin1', 0, 4) !== 'KDMV' || !isStream) return undefined;
  return {
    size: Number(bytes.readBigUInt64LE(12)) * sectorSize,
    grain: Number(bytes.readBigUInt64LE(20)) * sectorSize,
    tableEntries: bytes.readUInt32LE(44),
    directorySector: Number(bytes.readBigUInt64LE(56)),
  };
}

export function formatMarker(kind: keyof typeof markers, sectors: number): Buffer {
  const bytes = Buffer.alloc(sectorSize);
  bytes.writeBigUInt64LE(BigInt(sectors), 0);
  bytes.writeUInt32LE(markers[kind], 12);
  return bytes;
}

/**
 * The text that describes the disk, with the zeros behind it. Its id is that of a disk which was never
 * written since it was made; the name of the extent is never followed, for it is this file.
 */
export function formatDescriptor(size: number): Buffer {
  const { cylinders, heads, sectors } = geometryOf(size);
  const text = [
    '# Disk DescriptorFile',
    'version=1',
    'CID=fffffffe',
    'parentCID=ffffffff',
    'createType="streamOptimized"',
    '',
    '# Extent description',
    `RW ${size / sectorSize} SPARSE "disk.vmdk"`,
    '',
    '# The Disk Data Base',
    '#DDB',
    '',
    'ddb.adapterType = "ide"',
    `ddb.geometry.cylinders = "${cylinders}"`,
    `ddb.geometry.heads = "${heads}"`,
    `ddb.geometry.sectors = "${sectors}"`,
    'ddb.virtualHWVersion = "4"',
    '',
  ];
  const bytes = Buffer.alloc(descriptorSectors * sectorSize);
  bytes.write(text.join('\n'), 'latin1');
  return bytes;
}
