import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type BootOptions, planMachine } from '../boot.ts';
import { openBuildRecords } from '../build-records.ts';
import { cachedDisk } from '../cached-disk.ts';
import type { Config } from '../config.ts';
import { convert } from '../convert.ts';
import { type DiskCache, openDiskCache } from '../disk/disk-cache.ts';
import { ConvertError } from '../error.ts';
import { bootFormFor } from '../kernel-choice.ts';
import { isFile } from '../look/subject.ts';
import { dryRunOf, textOfDryRun } from '../run/dry-run.ts';
import { runMachine } from '../run/run-machine.ts';
import { makeTemporaryFolder } from '../run/work-folder.ts';
import { shellWord } from '../shell-word.ts';
import { type Data, dataFor, mountWishesOf } from './data-options.ts';
import { buildsFolder, disksFolder, usualDiskCache } from './disks-folder.ts';
import { type GuestOptions, guestWishesOf } from './guest-options.ts';
import { type HardwareOptions, hardwareOf } from './hardware-options.ts';
import { type GivenOption, refuseImageOptions } from './image-only.ts';
import { machineDataOf, volumeBaseOf } from './machine-data.ts';
import { settleEnd } from './machine-end.ts';
import { type MachineOptions, type MachineWishes, machineWishesOf } from './machine-options.ts';
import type { Session } from './session.ts';
import { type ObtainOptions, pullOptionsOf } from './source-options.ts';
import { writeStdout } from './stdout.ts';

export interface RunCommandOptions
  extends ObtainOptions,
    Omit<GuestOptions, 'memory'>,
    HardwareOptions,
    MachineOptions {
  readonly cache: boolean;
  /** Version of the tool. */
  readonly tool: string;
}

/** Boots the disk `target`, or a disk of the image `target`. */
export async function runTarget(
  session: Session,
  target: string,
  options: RunCommandOptions,
  given: readonly GivenOption[],
): Promise<void> {
  const wishes = await guestWishesOf(options, process.env);
  const machine = {
    ...hardwareOf(options),
    env: wishes.env ?? new Map(),
    ...machineWishesOf(options),
    dryRun: options.dryRun ?? false,
    data: dataFor(options.vmm, options),
  };
  const hint = `osv-convert build REF -o ${shellWord(target)}`;
  if (await isFile(target, { doing: 'running', command: 'run', hint })) {
    refuseImageOptions('running', target, given);
    await boot(session, target, machine);
    return;
  }
  if (machine.dryRun) throw notBuilt(target);
  const { store, onEvent, signal } = session;
  const pulling = await pullOptionsOf(options, process.env);
  const build = {
    ...pulling,
    ...wishes,
    // Of what size a volume is made says nothing of the disk it is mounted on.
    ...mountWishesOf({
      ...machine.data,
      volumes: machine.data.volumes.map(({ path }) => ({ path })),
    }),
    cpus: machine.cpus,
    ...(machine.kernel !== undefined && { kernel: machine.kernel }),
    boot: await bootFormFor(store, machine.kernel),
    onEvent,
    signal,
  };
  const data = { ...machine.data, base: volumeBaseOf(target) };
  const built = { ...machine, env: new Map(), data };
  const cache = options.cache ? await openCache(session, pulling.config) : undefined;
  if (cache !== undefined) {
    const { tool } = options;
    const limit = pulling.config?.diskCache ?? usualDiskCache;
    const records = await openBuildRecords(buildsFolder(process.env));
    const disk = await cachedDisk(store, target, { cache, records, limit, tool }, build);
    await boot(session, disk, built);
    return;
  }
  const folder = await makeTemporaryFolder();
  try {
    const disk = join(folder, 'disk.raw');
    await convert(store, target, disk, { ...build, format: 'raw' });
    await boot(session, disk, built);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Undefined where nothing is to be kept, or can be. */
async function openCache(
  { onEvent }: Session,
  config: Config | undefined,
): Promise<DiskCache | undefined> {
  if (config?.diskCache === 0) return undefined;
  try {
    return await openDiskCache(disksFolder(process.env));
  } catch (error) {
    if (!(error instanceof ConvertError)) throw error;
    onEvent({ event: 'warning', text: `${error.message}: the disk is not kept` });
    return undefined;
  }
}

type BootWishes = BootOptions &
  MachineWishes & { readonly dryRun: boolean; readonly data: Data & { readonly base?: string } };

async function boot(session: Session, disk: string, options: BootWishes): Promise<void> {
  const { store, signal, onEvent, print, globals } = session;
  const { vmm = 'qemu', ready, timeout } = options;
  const data = await machineDataOf(session, disk, options.data, options.dryRun);
  const machine = await planMachine(store, disk, { ...options, ...data, onEvent });
  if (options.dryRun) {
    const run = dryRunOf(machine, vmm);
    await print(run, textOfDryRun(run));
    return;
  }
  const how = machine.boot.kind === 'direct' ? 'directly' : 'from the disk';
  if (!globals.json) {
    const where = vmm === 'firecracker' ? 'Firecracker' : machine.accelerator;
    onEvent({ event: 'stage', text: `booting ${how} (${where}); Ctrl-C ends it` });
  }
  const ended = await runMachine(machine, {
    vmm,
    onOutput: writeStdout,
    signal,
    ...(timeout !== undefined && { timeout }),
    ...(ready !== undefined && { ready }),
    onReady: (milliseconds) => onEvent({ event: 'ready', milliseconds }),
  });
  signal.throwIfAborted();
  process.exitCode = settleEnd(ended);
}

/** Nothing is built to print a plan. */
function notBuilt(target: string): ConvertError {
  return new ConvertError(
    'USAGE',
    `planning a run: found the image ${target}, wanted a disk for --dry-run`,
    { hint: `osv-convert build ${shellWord(target)} -o disk.img` },
  );
}
