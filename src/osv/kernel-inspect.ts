import { digestOf, type Store } from '../../store/index.ts';
import type { Kernel, KernelFile } from './kernel.ts';
import { type KernelAbilities, kernelAbilities } from './kernel-capabilities.ts';
import type { Capability } from './kernel-capability.ts';
import { elfInLoader, readKernelElf } from './kernel-exports.ts';
import { recogniseKernel } from './recognise.ts';

/** A kernel, and what its files tell of it; nothing of them was executed. */
export interface InspectedKernel extends Omit<Kernel, 'name'> {
  /** Undefined where its ELF cannot be read: packed in another way. */
  readonly abilities: Omit<KernelAbilities, keyof Kernel | 'capabilities'> | undefined;
  /** Empty likewise, but for booting. */
  readonly capabilities: readonly Capability[];
}

/** @throws what the store throws. */
export async function inspectKernel(store: Store, kernel: Kernel): Promise<InspectedKernel> {
  const { name: _, ...facts } = kernel;
  const elf = await readKernelElf(store, kernel);
  return inspected(facts, elf);
}

/**
 * A kernel that is no part of a store: loader.img or its ELF, plain or as .gz.
 * @throws ConvertError `KERNEL_INVALID`.
 */
export function inspectKernelFile(name: string, file: Uint8Array): InspectedKernel {
  const { form, bytes, ...facts } = recogniseKernel(name, file);
  const elf = form === 'elf' ? bytes : elfInLoader(bytes, facts.architecture);
  const own: KernelFile = { digest: digestOf(bytes), size: bytes.length };
  return inspected({ ...facts, [form]: own }, elf);
}

function inspected(facts: Omit<Kernel, 'name'>, elf: Uint8Array | undefined): InspectedKernel {
  const abilities = elf && kernelAbilities(elf);
  return {
    ...facts,
    abilities: abilities && ownOf(abilities),
    capabilities: [fromDisk(facts), ...(abilities?.capabilities ?? [])],
  };
}

/** Without what the kernel itself has, and its capabilities. */
function ownOf(abilities: KernelAbilities): NonNullable<InspectedKernel['abilities']> {
  const { compiler, memory, exports, supplied } = abilities;
  return { ...(compiler !== undefined && { compiler }), memory, exports, supplied };
}

function fromDisk({ architecture, loader }: Omit<Kernel, 'name'>): Capability {
  const base = { name: architecture === 'x86_64' ? 'bios' : 'image', group: 'boot' } as const;
  return loader
    ? { ...base, state: 'yes', evidence: `a loader.img of ${loader.size} bytes` }
    : { ...base, state: 'no', evidence: 'an ELF alone, without its loader.img' };
}
