import { loadPackFrame } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { deflatePack, type Pack } from './deflate.ts';
import type { Compression } from './formats.ts';

/** What compresses the clusters of a qcow2 disk. */
export interface ClusterPacker {
  /** Of the header: 0 for zlib, 1 for zstd (QEMU, docs/interop/qcow2.txt, "compression type"). */
  readonly type: 0 | 1;
  readonly pack: Pack;
}

/**
 * Readers have a window of 4 KiB (QEMU, block/qcow2-threads.c); the memory costs nothing in the file.
 */
const zlib: ClusterPacker = { type: 0, pack: deflatePack({ windowBits: 12, memLevel: 9 }) };

/** @throws ConvertError `DISK_UNSUPPORTED` where zstd is wanted and nothing can make it. */
export async function openClusterPacker(
  compression: Compression,
  loadZstd = loadPackFrame,
): Promise<ClusterPacker> {
  if (compression === 'zlib') return zlib;
  const pack = await loadZstd();
  if (pack !== undefined) return { type: 1, pack: async (buffers) => buffers.map(pack) };
  throw new ConvertError(
    'DISK_UNSUPPORTED',
    'writing the disk: found no zstd-napi to compress with zstd, wanted that optional package',
    { hint: 'use --compress zlib, or: npm install zstd-napi' },
  );
}
