import { gunzipSync } from 'node:zlib';
import { machines, segmentTypes } from '../elf/elf.ts';
import { readElf } from '../elf/read.ts';
import { ConvertError } from '../error.ts';
import type { SyncAccess } from '../tree/access.ts';
import type { Kernel, KernelArchitecture } from './kernel.ts';
import { describeKernelElf } from './kernel-elf.ts';
import { elfInLoader } from './kernel-exports.ts';
import {
  countOffset,
  countUnit,
  hasBootSectorMark,
  hasImageMark,
  kernelOffset,
} from './loader-layout.ts';

/** What a kernel file tells of itself. */
export interface KernelFacts
  extends Pick<Kernel, 'architecture' | 'version' | 'symbols' | 'tlsLimit'> {
  readonly form: 'loader' | 'elf';
  /** The file, inflated when it came as .gz. */
  readonly bytes: Uint8Array;
}

/** The largest kernels are loader.elf with debug information; stripped ones have 2 to 7 MiB. */
export const kernelSizeCap = 64 << 20;

/**
 * Tells loader.img, loader-stripped.elf and loader.elf of x86_64 and aarch64 by their bytes, plain or
 * as .gz.
 * @throws ConvertError `KERNEL_INVALID` for everything else; `name` is only for its sentence.
 */
export function recogniseKernel(name: string, file: Uint8Array): KernelFacts {
  const bytes = inflated(name, file);
  const facts = describeLoader(name, bytes) ?? describeElf(name, bytes);
  if (facts === undefined) {
    throw invalid(
      name,
      `found ${bytes.length} bytes that begin with ${hexOf(bytes.subarray(0, 8))}`,
    );
  }
  return { ...facts, bytes };
}

function inflated(name: string, file: Uint8Array): Uint8Array {
  const bytes = file[0] === 0x1f && file[1] === 0x8b ? gunzipped(name, file) : file;
  if (bytes.length > kernelSizeCap) {
    throw invalid(name, `found ${bytes.length} bytes, at most ${kernelSizeCap} are read`);
  }
  return bytes;
}

function gunzipped(name: string, file: Uint8Array): Uint8Array {
  try {
    return gunzipSync(file, { maxOutputLength: kernelSizeCap });
  } catch (cause) {
    const found =
      cause instanceof RangeError
        ? `found a gzip file of more than ${kernelSizeCap} bytes`
        : 'found a damaged gzip file';
    throw invalid(name, found, cause);
  }
}

/** A boot sector (arch/x64/boot16.S), or the head of an Image (arch/aarch64/preboot.S), and a kernel at 64 KiB. */
function describeLoader(name: string, bytes: Uint8Array): Omit<KernelFacts, 'bytes'> | undefined {
  const architecture = loaderArchitecture(bytes);
  if (architecture === undefined) return undefined;
  const size = architecture === 'x86_64' ? announcedUnits(bytes) * countUnit : sizeOfElf(bytes);
  if (size === 0 || kernelOffset + size > bytes.length) {
    throw invalid(
      name,
      `found a loader.img of ${bytes.length} bytes that announces ${kernelOffset + size}`,
    );
  }
  if (bytes.subarray(0x1be, 0x1fe).some((byte) => byte !== 0)) {
    throw invalid(name, 'found a finished disk with partitions');
  }
  return { form: 'loader', architecture, symbols: 'unknown', ...kernelIn(architecture, bytes) };
}

function announcedUnits(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint16(
    countOffset,
    true,
  );
}

/** Up to where its segments lie in the file. An Image announces what it takes of memory, which is more. */
function sizeOfElf(loader: Uint8Array): number {
  const elf = readElf(accessOf(loader.subarray(kernelOffset)));
  if (elf?.kind !== 'elf') return 0;
  const loaded = elf.segments.filter(({ type }) => type === segmentTypes.load);
  return Math.max(0, ...loaded.map(({ offset, fileSize }) => offset + fileSize));
}

/** What the kernel inside tells of itself; nothing, where it is packed in another way. */
function kernelIn(
  architecture: KernelArchitecture,
  loader: Uint8Array,
): Partial<Omit<KernelFacts, 'bytes' | 'form'>> {
  const bytes = elfInLoader(loader, architecture);
  const access = accessOf(bytes ?? new Uint8Array());
  const elf = readElf(access);
  const facts = elf?.kind === 'elf' ? describeKernelElf(access, elf) : undefined;
  return facts === undefined || 'reason' in facts ? {} : facts;
}

function loaderArchitecture(bytes: Uint8Array): KernelArchitecture | undefined {
  const payload = readElf(accessOf(bytes.subarray(kernelOffset)));
  if (payload?.kind !== 'elf') return undefined;
  const isImage = hasImageMark(bytes);
  if (isImage && payload.bits === 64 && payload.machine === machines.arm64) return 'aarch64';
  const isBootSector = bytes[510] === 0x55 && bytes[511] === 0xaa && hasBootSectorMark(bytes);
  return isBootSector && payload.bits === 32 && payload.machine === machines.x86
    ? 'x86_64'
    : undefined;
}

function describeElf(name: string, bytes: Uint8Array): Omit<KernelFacts, 'bytes'> | undefined {
  const access = accessOf(bytes);
  const elf = readElf(access);
  if (elf === undefined) return undefined;
  const facts = elf.kind === 'broken' ? elf : describeKernelElf(access, elf);
  if ('reason' in facts) throw invalid(name, `found ${facts.reason}`);
  return { form: 'elf', ...facts };
}

function accessOf(bytes: Uint8Array): SyncAccess {
  return {
    size: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
  };
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex') || 'nothing';
}

function invalid(name: string, found: string, cause?: unknown): ConvertError {
  return new ConvertError(
    'KERNEL_INVALID',
    `reading kernel file ${JSON.stringify(name)}: ${found}, wanted OSv's loader.img or loader-stripped.elf`,
    { hint: 'osv-convert kernel fetch', cause },
  );
}
