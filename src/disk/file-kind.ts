/** How a kind of file that is no disk for OSv shows itself. */
export interface Kind {
  readonly name: string;
  readonly offset: number;
  readonly magic: string;
  /** A disk, of a kind that QEMU reads. */
  readonly isDisk?: true;
  readonly isArchive?: true;
}

/** In bytes: all that the kinds below look at. */
export const kindReach = 2048;

/** Magic numbers as latin1. */
const kinds: readonly Kind[] = [
  { name: 'a gzip file', offset: 0, magic: '\x1f\x8b' },
  { name: 'a zstd file', offset: 0, magic: '\x28\xb5\x2f\xfd' },
  { name: 'an xz file', offset: 0, magic: '\xfd7zXZ\0' },
  { name: 'a bzip2 file', offset: 0, magic: 'BZh' },
  { name: 'a zip file', offset: 0, magic: 'PK\x03\x04' },
  { name: 'a tar', offset: 257, magic: 'ustar', isArchive: true },
  { name: 'an ELF', offset: 0, magic: '\x7fELF' },
  { name: 'a VMDK disk', offset: 0, magic: 'KDMV', isDisk: true },
  { name: 'a VMDK disk', offset: 0, magic: '# Disk DescriptorFile', isDisk: true },
  { name: 'a VHD disk', offset: 0, magic: 'conectix', isDisk: true },
  { name: 'a VHDX disk', offset: 0, magic: 'vhdxfile', isDisk: true },
  { name: 'a VDI disk', offset: 64, magic: '\x7f\x10\xda\xbe', isDisk: true },
  { name: 'a QED disk', offset: 0, magic: 'QED\0', isDisk: true },
  { name: 'a qcow disk of version 1', offset: 0, magic: 'QFI\xfb\0\0\0\x01', isDisk: true },
  { name: 'a disk with a GUID partition table', offset: 512, magic: 'EFI PART' },
  { name: 'an ext2, ext3 or ext4 file system', offset: 1080, magic: '\x53\xef' },
  { name: 'a squashfs file system', offset: 0, magic: 'hsqs' },
];

/** What a file is that begins with `head`, where it is of a kind known here. */
export function kindOf(head: Uint8Array): Kind | undefined {
  const text = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1');
  return kinds.find(({ offset, magic }) => text.startsWith(magic, offset));
}
