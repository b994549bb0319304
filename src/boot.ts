import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createValidator } from '../schemas/index.ts';
import type { Digest, Store } from '../store/index.ts';
import { ConvertError } from './error.ts';
import type { OnEvent } from './event.ts';
import { commandLineOf } from './guest.ts';
import { definedOf, type Variables } from './oci/execution.ts';
import { defaultKernel, findKernel } from './osv/kernels.ts';
import { withHealing } from './pull/heal.ts';
import type { Report } from './report.ts';
import { chooseAccelerator, probeKvm } from './run/accelerator.ts';
import { inspectDisk } from './run/inspect-disk.ts';
import { chooseBoot, type Machine } from './run/machine.ts';
import type { PortForward } from './run/port-forward.ts';

export interface BootOptions {
  /** Name of the kernel whose ELF is booted; the one the disk was built for when absent. */
  readonly kernel?: string;
  /** In MiB. */
  readonly memory: number;
  readonly cpus: number;
  readonly accelerator: 'auto' | 'kvm' | 'tcg';
  readonly forwards: readonly PortForward[];
  /** Variables of the guest, besides those the disk was built with, or instead; undefined takes one away. */
  readonly env: Variables;
  readonly onEvent?: OnEvent;
}

/**
 * The machine that boots the disk at `path`: directly where an ELF of its kernel is in the store, else
 * from the disk itself. A kernel of the store is held until the store is closed.
 * @throws ConvertError `USAGE`, `KERNEL_NOT_FOUND`, `COMMAND_LINE_INEXPRESSIBLE`, `QEMU_FAILED` where
 * KVM is asked for in vain; StoreError.
 */
export async function planMachine(
  store: Store,
  path: string,
  options: BootOptions,
): Promise<Machine> {
  const { memory, cpus, forwards, env } = options;
  const { format, hasLoader, ...disk } = await inspectDisk(path);
  warnOfMemory(disk.memory, options);
  // The command line on the disk is not the one asked for once a variable is set.
  const bootsItself = hasLoader && env.size === 0;
  const elf = await withHealing(store, options.onEvent ? { onEvent: options.onEvent } : {}, () =>
    elfPath(store, options.kernel, disk.elf, bootsItself),
  );
  const commandLine = env.size === 0 ? disk.commandLine : await commandLineWith(path, env);
  const boot = chooseBoot({
    ...(elf !== undefined && { elf }),
    ...(commandLine !== undefined && { commandLine }),
    hasLoader: bootsItself,
  });
  const accelerator = chooseAccelerator(options.accelerator, probeKvm());
  return { disk: { path: resolve(path), format }, boot, memory, cpus, accelerator, forwards };
}

/** The heap of .NET was given a limit that fits the machine the disk was built for. */
function warnOfMemory(built: number | undefined, { memory, onEvent }: BootOptions): void {
  if (built === undefined || memory >= built) return;
  onEvent?.({
    event: 'warning',
    text:
      `the disk was built for a machine of ${built} MiB and gets ${memory} MiB: OSv may run out of memory ` +
      `before .NET does; run it with --memory ${built}M, or build it again`,
  });
}

/** Path of an ELF in the store: of the kernel named, of the disk's own, or of the default one where nothing else boots. */
async function elfPath(
  store: Store,
  name: string | undefined,
  own: Digest | undefined,
  bootsItself: boolean,
): Promise<string | undefined> {
  if (name === undefined && own !== undefined) {
    await store.hold([own]);
    if ((await store.blobs.size(own)) !== undefined) return await pathOf(store, own);
  }
  if (name === undefined && bootsItself) return undefined;
  const kernel = name === undefined ? await defaultKernel(store) : await findKernel(store, name);
  return kernel?.elf === undefined ? undefined : await pathOf(store, kernel.elf.digest);
}

/** The path of a blob for QEMU, which does not verify what it reads. */
async function pathOf(store: Store, digest: Digest): Promise<string> {
  await store.hold([digest]);
  for await (const _ of store.blobs.stream(digest)) {
    // Only its end is of interest, where the digest is checked.
  }
  const blob = await store.blobs.open(digest);
  await blob.close();
  return blob.path;
}

async function commandLineWith(path: string, env: Variables): Promise<Uint8Array> {
  const { app, env: built } = await readReport(`${path}.json`);
  return commandLineOf({ ...app, env: definedOf(new Map([...Object.entries(built), ...env])) });
}

/** @throws ConvertError `USAGE` when there is no report, or none of ours. */
export async function readReport(path: string): Promise<Report> {
  try {
    const report: unknown = JSON.parse(await readFile(path, 'utf8'));
    const problem = (await createValidator('report'))(report);
    if (problem === undefined) return report as Report;
    throw new Error(problem);
  } catch (cause) {
    throw new ConvertError(
      'USAGE',
      `setting variables of the guest: reading ${path}: ${cause instanceof Error ? cause.message : cause}; wanted the report of the disk`,
      { cause, hint: 'build the disk again: osv-convert build REF -o FILE --env NAME=VALUE' },
    );
  }
}
