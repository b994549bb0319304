import type { Store } from '../store/index.ts';
import type { OnEvent } from './event.ts';
import { tlsSizeOf } from './guest.ts';
import { directForms, type Kernel, type KernelArchitecture } from './osv/kernel.ts';
import { inspectKernel } from './osv/kernel-inspect.ts';
import {
  type Candidate,
  chooseKernel,
  type KernelChoice,
  type KernelNeeds,
  kernelLacks,
} from './osv/kernel-needs.ts';
import { findKernel, type ListedKernel, listKernels } from './osv/kernels.ts';
import type { Prepared } from './prepare.ts';

export interface KernelWishes {
  /** Name of a kernel; it is used, whatever the app needs. */
  readonly kernel?: string;
  /** Of the app; x86_64 when absent. */
  readonly architecture?: KernelArchitecture;
  /** The form that boots; either when absent. */
  readonly form?: 'loader' | 'elf';
  /** File systems of its volumes, besides the root: `ext`, `virtiofs`. */
  readonly fileSystems?: readonly string[];
  /** Go on with the default, or the first, where no kernel can run the app. */
  readonly force?: boolean;
  readonly onEvent?: OnEvent;
}

export interface Fitted {
  readonly kernel: Kernel | undefined;
  readonly prepared: Prepared;
}

/**
 * Says early that there is no kernel at all, or none of the name.
 * @throws ConvertError `KERNEL_NOT_FOUND`.
 */
export async function requireKernel(store: Store, { kernel, form }: KernelWishes): Promise<void> {
  if (kernel !== undefined) await findKernel(store, kernel);
  else if (form !== undefined && (await listKernels(store)).length === 0) await findKernel(store);
}

/**
 * Prepares a guest with the kernel that is named. Where none is, with the default or the only one; and where
 * what comes of it needs something that kernel lacks and another of the store has, with that, which is told.
 * @param prepareWith undefined: there is no kernel in the store.
 * @throws ConvertError `KERNEL_NOT_FOUND`, `KERNEL_INVALID`, `KERNEL_UNSUITABLE` as `chooseKernel`; what
 * `prepareWith` throws.
 */
export async function prepareWithKernel(
  store: Store,
  wishes: KernelWishes,
  prepareWith: (kernel: Kernel | undefined) => Promise<Prepared>,
): Promise<Fitted> {
  const listed = wishes.kernel === undefined ? await listKernels(store) : [];
  if (listed.length < 2) {
    const name = wishes.kernel ?? listed[0]?.kernel.name;
    const kernel = name === undefined ? undefined : await findKernel(store, name);
    return { kernel, prepared: await prepareWith(kernel) };
  }
  const choose = (needs: KernelNeeds) => chooseAmong(store, listed, needs, wishes.force);
  const byDefault = listed.find(({ isDefault }) => isDefault)?.kernel;
  const first = byDefault ?? (await choose(leastNeeds(wishes))).kernel;
  const prepared = await prepareWith(await findKernel(store, first.name));
  if (prepared.kind === 'stopped') return { kernel: first, prepared };
  const { kernel, reason } = await choose(needsOf(prepared, wishes));
  if (reason !== undefined) wishes.onEvent?.({ event: 'stage', text: reason });
  if (kernel.name === first.name) return { kernel, prepared };
  return { kernel, prepared: await prepareWith(await findKernel(store, kernel.name)) };
}

/**
 * The form in which the kernel of a disk for a machine here is best kept: on the disk where a loader.img is at
 * hand, for that boots also where its command line is too long to be handed over.
 * @throws ConvertError `KERNEL_NOT_FOUND` without the kernel named, or any.
 */
export async function bootFormFor(store: Store, kernel?: string): Promise<'bios' | 'direct'> {
  const listed = await listKernels(store);
  if (kernel !== undefined || listed.length < 2) {
    const { loader } = await findKernel(store, kernel);
    return loader === undefined ? 'direct' : 'bios';
  }
  const first =
    listed.find(({ isDefault }) => isDefault) ?? listed.find((one) => one.kernel.loader);
  return first?.kernel.loader === undefined ? 'direct' : 'bios';
}

/**
 * The kernel to boot a disk directly with, of which nothing says which: the default, the only one, or one
 * that fits. Undefined where there is none.
 * @throws ConvertError `KERNEL_UNSUITABLE`.
 */
export async function kernelForDirectBoot(
  store: Store,
  architecture: KernelArchitecture = 'x86_64',
): Promise<Kernel | undefined> {
  const listed = await listKernels(store);
  const [only] = listed;
  if (only === undefined) return undefined;
  const needs = leastNeeds({ architecture, form: directForms[architecture] });
  const { name } =
    listed.length === 1 ? only.kernel : (await chooseAmong(store, listed, needs)).kernel;
  return await findKernel(store, name);
}

async function chooseAmong(
  store: Store,
  listed: readonly ListedKernel[],
  needs: KernelNeeds,
  force = false,
): Promise<KernelChoice> {
  const candidates: Candidate[] = [];
  // The default's file is read first, for mostly it will do, and no other is read.
  for (const one of [...listed].sort((a, b) => Number(b.isDefault) - Number(a.isDefault))) {
    const { capabilities } = await inspectKernel(store, one.kernel);
    const candidate = { ...one, capabilities };
    candidates.push(candidate);
    if (one.isDefault && kernelLacks(candidate, needs).length === 0) break;
  }
  return chooseKernel(candidates, needs, force);
}

function leastNeeds({
  architecture = 'x86_64',
  form,
  fileSystems = [],
}: KernelWishes): KernelNeeds {
  return {
    architecture,
    ...(form !== undefined && { form }),
    hiddenSymbols: false,
    tlsSize: 0,
    capabilities: fileSystems,
  };
}

/** .NET calls membarrier(2) where the kernel has it, and works less surely without. */
function needsOf(
  { app, guest, contents }: Extract<Prepared, { kind: 'ready' }>,
  wishes: KernelWishes,
): KernelNeeds {
  const least = leastNeeds(wishes);
  return {
    ...least,
    hiddenSymbols: app.kind !== 'native-aot',
    tlsSize: tlsSizeOf(guest.tree, contents, guest.program),
    capabilities: [...least.capabilities, 'membarrier'],
  };
}
