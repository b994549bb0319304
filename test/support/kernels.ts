import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Kernel, KernelArchitecture } from '../../src/osv/kernel.ts';
import { addKernel, listKernels } from '../../src/osv/kernels.ts';
import { openStore, type Store } from '../../store/index.ts';
import { findProgram } from './docker-registry.ts';
import { buildProbe } from './probe/build.ts';
import { probeTools } from './probe/tools.ts';

const sizeCap = 64 << 20;

/** The store that `osv-convert` uses when nothing else is said. */
export function defaultStorePath(): string {
  const data = process.env['XDG_DATA_HOME'] ?? join(homedir(), '.local/share');
  return process.env['OSV_CONVERT_STORE'] ?? join(data, 'osv-convert');
}

/** A real OSv kernel with hidden symbols in the default store, with all forms that boot, if there is one. */
export async function findRealKernel(
  architecture: KernelArchitecture = 'x86_64',
): Promise<{ readonly store: Store; readonly kernel: Kernel } | undefined> {
  const store = await openStore(defaultStorePath());
  const kernels = await listKernels(store);
  const fits = ({ kernel }: (typeof kernels)[number]): boolean =>
    kernel.architecture === architecture &&
    kernel.symbols === 'hidden' &&
    kernel.loader !== undefined &&
    (architecture === 'aarch64' || kernel.elf !== undefined);
  const found = kernels.find((one) => one.isDefault && fits(one)) ?? kernels.find(fits);
  return found === undefined ? undefined : { store, kernel: found.kernel };
}

/** Why nothing boots on a real OSv kernel here; undefined where it does. */
export async function whyNoRealOsv(): Promise<string | undefined> {
  if (findProgram('qemu-system-x86_64') === undefined) return 'QEMU is not installed';
  return (await findRealKernel()) === undefined
    ? 'the default store has no kernel with hidden symbols (osv-convert kernel add loader.img loader-stripped.elf)'
    : undefined;
}

/** Puts the real kernel of the default store into `store`, under its name. */
export async function copyRealKernel(
  store: Store,
  architecture: KernelArchitecture = 'x86_64',
): Promise<Kernel | undefined> {
  const real = await findRealKernel(architecture);
  if (real === undefined) return undefined;
  const files = [real.kernel.loader, real.kernel.elf].filter((file) => file !== undefined);
  const sources = await Promise.all(
    files.map(async ({ digest }) => ({
      name: digest,
      bytes: await real.store.blobs.read(digest, sizeCap),
    })),
  );
  return await addKernel(store, sources, { name: real.kernel.name });
}

/** Puts the boot probe in the place of a kernel; undefined where it cannot be built. */
export async function addProbe(store: Store, folder: string): Promise<Kernel | undefined> {
  if (probeTools().gcc === undefined) return undefined;
  const bytes = await readFile(await buildProbe(folder));
  return await addKernel(store, [{ name: 'probe', bytes }], { name: 'probe' });
}
