/** How a kind of file that is no disk for OSv shows itself. */
export interface Kind {
  readonly name: string;
  readonly offset: number;
  readonly magic: string;
  /** A disk, of a kind that QEMU reads. */
  readonly isDisk?: true;
  readonly isArchive?: true;
  /** How a file that is called so is unpacked; a tar in it is read as it is, where `isRead`. */
  readonly packed?: { readonly ending: string; readonly command: string; readonly isRead: boolean };
}

/** In bytes: all that the kinds below look at. */
export const kindReach = 2048;

const gzip = { ending: '.gz', command: 'gunzip -k', isRead: true };
const zstd = { ending: '.zst', command: 'zstd -d', isRead: true };
const xz = { ending: '.xz', command: 'xz -dk', isRead: false };
const bzip2 = { ending: '.bz2', command: 'bzip2 -dk', isRead: false };

/** Magic numbers as latin1. */
const kinds: readonly Kind[] = [
  { name: 'a gzip file', offset: 0, magic: '\x1f\x8b', packed: gzip },
  { name: 'a zstd file', offset: 0, magic: '\x28\xb5\x2f\xfd', packed: zstd },
  { name: 'an xz file', offset: 0, magic: '\xfd7zXZ\0', packed: xz },
  { name: 'a bzip2 file', offset: 0, magic: 'BZh', packed: bzip2 },
  { name: 'a zip file', offset: 0, magic: 'PK\x03\x04' },
  { name: 'a tar', offset: 257, magic: 'ustar', isArchive: true },
  { name: 'an ELF', offset: 0, magic: '\x7fELF' },
  { name: 'a VMDK disk', offset: 0, magic: '# Disk DescriptorFile', isDisk: true },
  { name: 'a VHDX disk', offset: 0, magic: 'vhdxfile', isDisk: true },
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
