import { shellWord } from '../shell-word.ts';
import type { SyncAccess } from '../tree/access.ts';
import { conversionOf, invalidDisk, unsupportedDisk } from './disk-error.ts';

/*
 * QCOW2 versions 2 and 3 (QEMU, docs/interop/qcow2.txt), all integers big-endian. Version 2 ends after
 * 72 bytes; version 3 has features, and how long it is.
 */

/** What is needed of a header to read the disk. */
export interface Qcow2Header {
  readonly version: number;
  /** A power of two, 512 bytes to 2 MiB. */
  readonly clusterSize: number;
  /** Bytes of the disk. */
  readonly size: number;
  /** Where the L1 table begins in the file; it has an entry for each L2 table that `size` needs. */
  readonly l1Offset: number;
  readonly compression: 'deflate' | 'zstd';
}

const lengthV2 = 72;
/** That of the fields which every version 3 has, and one byte more where the compression is told. */
const lengthV3 = 104;

/** As in QEMU, block/qcow2.h: MIN_CLUSTER_BITS, MAX_CLUSTER_BITS, QCOW_MAX_L1_SIZE. */
const minClusterBits = 9;
const maxClusterBits = 21;
const maxL1Size = 32 * 2 ** 20;

/** Incompatible features, by their bit. A disk that was not closed has wrong refcounts, which are not read. */
const features = { dirty: 0, corrupt: 1, dataFile: 2, compression: 3, extendedL2: 4 } as const;

export function isQcow2(file: SyncAccess): boolean {
  const magic = Buffer.from(file.read(0, 8));
  return magic.length === 8 && magic.readUInt32BE(0) === 0x514649fb && magic.readUInt32BE(4) > 1;
}

/**
 * Reads the header of a file that `isQcow2`.
 * @throws ConvertError `DISK_UNSUPPORTED` for what the disk needs and is not read here: a backing file,
 * encryption, a data file of its own, extended L2 entries, features of later times; `DISK_INVALID`.
 */
export function readQcow2Header(file: SyncAccess, path: string): Qcow2Header {
  const bytes = Buffer.alloc(lengthV3 + 1);
  bytes.set(file.read(0, bytes.length));
  const version = bytes.readUInt32BE(4);
  if (version > 3) throw refusal(path, `qcow2 of version ${version}`, 'version 2 or 3');
  if (file.size < (version === 2 ? lengthV2 : lengthV3)) {
    throw invalidDisk(path, `a header cut off at byte ${file.size}`, 'a whole one');
  }
  refuseNeeds(bytes, path);
  const compression = version === 2 ? 'deflate' : readFeatures(bytes, path);
  const clusterBits = bytes.readUInt32BE(20);
  if (!(clusterBits >= minClusterBits && clusterBits <= maxClusterBits)) {
    const wanted = `${minClusterBits} to ${maxClusterBits}`;
    throw invalidDisk(path, `clusters of 2^${clusterBits} bytes`, wanted);
  }
  const clusterSize = 2 ** clusterBits;
  return { version, clusterSize, compression, ...readTable(bytes, file, path, clusterSize) };
}

function refuseNeeds(bytes: Buffer, path: string): void {
  if (bytes.readBigUInt64BE(8) !== 0n) throw refusal(path, 'a backing file', 'a disk on its own');
  const method = bytes.readUInt32BE(32);
  if (method === 0) return;
  const name = ['', 'AES', 'LUKS'][method] ?? `method ${method}`;
  throw unsupportedDisk(
    path,
    `encryption (${name})`,
    'none',
    method > 2 ? undefined : decryption(path),
  );
}

/** `KEY` is a file with the passphrase; QEMU reads a comma in an option where there are two. */
function decryption(path: string): string {
  const disk = `driver=qcow2,file.filename=${path.replaceAll(',', ',,')},encrypt.key-secret=key`;
  return `qemu-img convert --object secret,id=key,file=KEY --image-opts ${shellWord(disk)} -O raw disk.raw`;
}

function readFeatures(bytes: Buffer, path: string): Qcow2Header['compression'] {
  const bits = bytes.readBigUInt64BE(72);
  const has = (bit: number) => (bits & (1n << BigInt(bit))) !== 0n;
  if (has(features.corrupt)) {
    throw invalidDisk(path, 'a disk that is marked as corrupt', 'a sound one');
  }
  if (has(features.dataFile)) throw refusal(path, 'an external data file', 'the data in the disk');
  if (has(features.extendedL2)) throw refusal(path, 'extended L2 entries', 'standard ones');
  const known = Object.values(features).reduce((all, bit) => all | (1n << BigInt(bit)), 0n);
  if ((bits & ~known) !== 0n) {
    const found = `the incompatible features 0x${(bits & ~known).toString(16)}`;
    throw refusal(path, found, 'those of qcow2 version 3 as QEMU 7 has them');
  }
  const length = bytes.readUInt32BE(100);
  if (!(length >= lengthV3 && length % 8 === 0)) {
    throw invalidDisk(path, `a header of ${length} bytes`, `${lengthV3} or more, in eights`);
  }
  if (!has(features.compression)) return 'deflate';
  const type = length > lengthV3 ? bytes[lengthV3] : 0;
  if (type === 1) return 'zstd';
  throw refusal(path, `compression of type ${type}`, '0 (deflate) or 1 (zstd)');
}

function readTable(
  bytes: Buffer,
  file: SyncAccess,
  path: string,
  clusterSize: number,
): Pick<Qcow2Header, 'size' | 'l1Offset'> {
  const size = Number(bytes.readBigUInt64BE(24));
  const entries = bytes.readUInt32BE(36);
  const l1Offset = Number(bytes.readBigUInt64BE(40));
  const needed = Math.ceil(size / (clusterSize * (clusterSize / 8)));
  if (!(Number.isSafeInteger(size) && needed <= entries && entries * 8 <= maxL1Size)) {
    const found = `an L1 table of ${entries} entries for ${size} bytes`;
    throw invalidDisk(path, found, `${needed} or more, in at most ${maxL1Size} bytes`);
  }
  if (!(l1Offset % clusterSize === 0 && l1Offset + entries * 8 <= file.size)) {
    const found = `an L1 table of ${entries} entries at byte ${l1Offset}`;
    throw invalidDisk(path, found, `a cluster's beginning, and its end within ${file.size} bytes`);
  }
  return { size, l1Offset };
}

function refusal(path: string, found: string, wanted: string) {
  return unsupportedDisk(path, found, wanted, conversionOf(path));
}
