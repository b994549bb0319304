import type { Store } from '../../store/index.ts';
import { readElf } from '../elf/read.ts';
import { readSymbols } from '../elf/symbols.ts';
import type { SyncAccess } from '../tree/access.ts';
import type { Kernel } from './kernel.ts';
import { unpackLoader } from './loader-image.ts';
import { kernelOffset } from './loader-layout.ts';

/** Bytes of a kernel's file that are read whole: with debug information it has some 100 MB. */
const kernelCap = 256 << 20;

/**
 * The ELF of `kernel`: its own file, or what is in its loader.img. Undefined where there is none to be read.
 * @throws what the store throws.
 */
export async function readKernelElf(store: Store, kernel: Kernel): Promise<Uint8Array | undefined> {
  const file = kernel.elf ?? kernel.loader;
  if (file === undefined || file.size > kernelCap) return undefined;
  const bytes = await store.blobs.read(file.digest, kernelCap);
  return kernel.elf === undefined ? elfInLoader(bytes, kernel.architecture) : bytes;
}

/** The ELF inside a loader.img, for aarch64 as it is; undefined where it is packed in a way that is not known. */
export function elfInLoader(
  loader: Uint8Array,
  architecture: Kernel['architecture'],
): Uint8Array | undefined {
  return architecture === 'aarch64'
    ? loader.subarray(kernelOffset)
    : unpackLoader(accessOf(loader));
}

/**
 * The names of the functions and data that `kernel` has for programs, from its ELF, or the one inside its
 * loader.img. Undefined where they do not show: what has no `malloc` has another way to offer it.
 * @throws what the store throws.
 */
export async function readKernelExports(
  store: Store,
  kernel: Kernel,
): Promise<ReadonlySet<string> | undefined> {
  const elf = await readKernelElf(store, kernel);
  const names = elf && namesIn(accessOf(elf));
  return names?.has('malloc') ? names : undefined;
}

function namesIn(access: SyncAccess): ReadonlySet<string> | undefined {
  const elf = readElf(access);
  const symbols = elf?.kind === 'elf' ? readSymbols(access, elf) : undefined;
  if (symbols === undefined || 'kind' in symbols) return undefined;
  return new Set(symbols.flatMap(({ name, defined }) => (defined ? [name] : [])));
}

function accessOf(bytes: Uint8Array): SyncAccess {
  return {
    size: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
  };
}
