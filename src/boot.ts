import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createValidator } from '../schemas/index.ts';
import type { Digest, Store } from '../store/index.ts';
import { ConvertError } from './error.ts';
import type { OnEvent } from './event.ts';
import { commandLineOf } from './guest.ts';
import { kernelForDirectBoot } from './kernel-choice.ts';
import { definedOf, type Variables } from './oci/execution.ts';
import { dataMountsOf } from './osv/data-mounts.ts';
import { directForms, type KernelArchitecture } from './osv/kernel.ts';
import { findKernel } from './osv/kernels.ts';
import { withHealing } from './pull/heal.ts';
import type { Report } from './report.ts';
import { chooseAccelerator, probeKvm } from './run/accelerator.ts';
import { type DiskFacts, inspectDisk, reportCap } from './run/inspect-disk.ts';
import {
  chooseBoot,
  type Disk,
  type Machine,
  type Share,
  withLoaderOptions,
} from './run/machine.ts';
import { addressOptions, type Network } from './run/network.ts';
import type { NetworkWish } from './run/parse-network.ts';
import { networksOf } from './run/plan-networks.ts';
import type { PortForward } from './run/port-forward.ts';
import { unreadReason } from './unread-file.ts';

export interface BootOptions {
  /** Name of the kernel that is booted directly; the one the disk was built for when absent. */
  readonly kernel?: string;
  /** In MiB. */
  readonly memory: number;
  readonly cpus: number;
  readonly accelerator: 'auto' | 'kvm' | 'tcg';
  /** Of the first user network. */
  readonly forwards: readonly PortForward[];
  /** One user network when there is none. */
  readonly networks?: readonly NetworkWish[];
  /** Data of the guest. */
  readonly disks?: readonly Disk[];
  readonly shares?: readonly Share[];
  /** The kernel tells what it does, and what its program returned. */
  readonly verbose?: boolean;
  /** Names the machine on its networks; its disk does when absent. */
  readonly id?: string;
  readonly vmm?: 'qemu' | 'firecracker';
  /** Variables of the guest, besides those the disk was built with, or instead; undefined takes one away. */
  readonly env: Variables;
  readonly onEvent?: OnEvent;
}

/**
 * The machine that boots the disk at `path`: directly where the store has its kernel as a hypervisor starts
 * it, else from the disk itself. A kernel of the store is held until the store is closed.
 * @throws ConvertError `USAGE`, `KERNEL_NOT_FOUND`, `KERNEL_UNSUITABLE` for one of another architecture,
 * `COMMAND_LINE_INEXPRESSIBLE`, `QEMU_FAILED` where KVM is asked for in vain; StoreError.
 */
export async function planMachine(
  store: Store,
  path: string,
  options: BootOptions,
): Promise<Machine> {
  const { memory, cpus, forwards, env } = options;
  const { format, hasLoader, ...disk } = await inspectDisk(path);
  warnOfMemory(disk.memory, options);
  const networks = networksOf(options.networks ?? [], forwards, options.id ?? resolve(path));
  const wish = directBootWish(options, networks);
  const bootsItself = hasLoader && wish === undefined;
  const kernel = await withHealing(store, options.onEvent ? { onEvent: options.onEvent } : {}, () =>
    findDirectKernel(store, options.kernel, disk, bootsItself),
  );
  const architecture = kernel?.architecture ?? disk.architecture ?? 'x86_64';
  const commandLine =
    env.size === 0 ? disk.commandLine : await commandLineWith(path, env, disk.commandLine);
  const added = [...(options.verbose ? ['--verbose'] : []), ...addressOptions(networks)];
  const boot = chooseBoot({
    architecture,
    ...(kernel !== undefined && { elf: kernel.path }),
    ...(commandLine !== undefined && { commandLine: withLoaderOptions(commandLine, added) }),
    hasLoader,
    ...(wish !== undefined && { wish }),
  });
  return {
    architecture,
    disk: { path: resolve(path), format },
    disks: options.disks ?? [],
    ...(options.shares !== undefined && options.shares.length > 0 && { shares: options.shares }),
    boot,
    memory,
    cpus,
    accelerator: chooseAccelerator(options.accelerator, probeKvm(undefined, architecture)),
    networks,
  };
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

/** What a disk that boots itself could not follow: its command line stands on it, and says something else. */
function directBootWish(
  { env, verbose, vmm }: BootOptions,
  networks: readonly Network[],
): string | undefined {
  if (env.size > 0) return 'setting a variable (--env)';
  if (verbose) return '--verbose';
  if (networks.some(({ address }) => address !== undefined))
    return 'a static address (--network …,ip=)';
  return vmm === 'firecracker' ? '--vmm firecracker' : undefined;
}

/** A file in the store that a hypervisor starts. */
interface DirectKernel {
  readonly path: string;
  readonly architecture: KernelArchitecture;
}

/** That of the kernel named, of the disk's own, or of the default one where nothing else boots. */
async function findDirectKernel(
  store: Store,
  name: string | undefined,
  { architecture, elf: own }: Pick<DiskFacts, 'architecture' | 'elf'>,
  bootsItself: boolean,
): Promise<DirectKernel | undefined> {
  if (name === undefined && own !== undefined) {
    await store.hold([own]);
    if ((await store.blobs.size(own)) !== undefined) {
      return { path: await pathOf(store, own), architecture: architecture ?? 'x86_64' };
    }
  }
  if (name === undefined && bootsItself) return undefined;
  const kernel = await (name === undefined
    ? kernelForDirectBoot(store, architecture)
    : findKernel(store, name));
  if (kernel === undefined) return undefined;
  if (architecture !== undefined && kernel.architecture !== architecture) {
    throw new ConvertError(
      'KERNEL_UNSUITABLE',
      `booting the disk: found kernel ${kernel.name} for ${kernel.architecture}, wanted one for ${architecture}`,
      { hint: 'osv-convert kernel ls' },
    );
  }
  const file = kernel[directForms[kernel.architecture]];
  if (file === undefined) return undefined;
  return { path: await pathOf(store, file.digest), architecture: kernel.architecture };
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

async function commandLineWith(
  path: string,
  env: Variables,
  built: Uint8Array | undefined,
): Promise<Uint8Array> {
  const { app, env: ofDisk } = await readReport(`${path}.json`);
  return commandLineOf({
    ...app,
    env: definedOf(new Map([...Object.entries(ofDisk), ...env])),
    mounts: built === undefined ? [] : dataMountsOf(built),
  });
}

/** @throws ConvertError `USAGE` when there is no report, or none of ours. */
export async function readReport(path: string): Promise<Report> {
  const unread = (cause: unknown): never => {
    throw noReport(path, `found ${unreadReason(cause)}`, cause);
  };
  const found = await stat(path).catch(unread);
  if (!found.isFile()) throw noReport(path, 'found no file');
  if (found.size > reportCap) throw noReport(path, `found ${found.size} bytes`);
  const report = jsonIn(await readFile(path, 'utf8').catch(unread));
  if (report === undefined) throw noReport(path, 'found no JSON');
  const problem = (await createValidator('report'))(report);
  if (problem !== undefined) throw noReport(path, problem);
  return report as Report;
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function noReport(path: string, problem: string, cause?: unknown): ConvertError {
  return new ConvertError(
    'USAGE',
    `setting variables of the guest: reading ${path}: ${problem}; wanted the report of the disk`,
    { cause, hint: 'build the disk again: osv-convert build REF -o FILE --env NAME=VALUE' },
  );
}
