import { setTimeout as delay } from 'node:timers/promises';
import { isAlive, myself, type Owner } from '../../store/processes.ts';
import { errorCodeOf } from '../error.ts';
import type { Machine } from '../run/machine.ts';
import type { VmmKind } from '../run/run-machine.ts';
import { type Control, controlOf } from './control.ts';
import { endError, isItsEnd } from './creation-end.ts';
import { claimFolder, removeFolder, sweep } from './folders.ts';
import type { Hooks } from './hooks.ts';
import { leastKept } from './keep-script.ts';
import type { MachineId } from './machine-id.ts';
import { type KeptVmm, type MachineRecord, writeRecord } from './record.ts';
import { runHooks, runPoststop } from './run-hook.ts';
import { forgetServers, keepShares, withSockets } from './shares.ts';
import { describeState, type MachineState } from './state.ts';
import { type Supervised, supervise } from './supervise.ts';
import { waitingCommand } from './waiting-command.ts';

export interface CreateOptions {
  /** The path of a disk, or the reference of an image. */
  readonly source: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly hooks: Hooks;
  /** `qemu` when absent. */
  readonly kind?: VmmKind;
  /** Bytes of the console that are kept at most, the newest, at least `leastLogSize`; 16 MiB when absent. */
  readonly logSize?: number;
  /** In whose PATH the hypervisor is looked for. */
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  /** Told of poststop hooks that fail. */
  readonly onWarning: (text: string) => void;
}

export interface PlannedMachine {
  readonly machine: Machine;
  /** What became known of it only now. */
  readonly annotations?: Readonly<Record<string, string>>;
}

const usualLogSize = 16 << 20;

/** Bytes that `logSize` must be. */
export const leastLogSize = 2 * leastKept;

/** Milliseconds that a hypervisor has until it listens; a busy host starts many at once. */
const patience = 60_000;

/**
 * Creates a machine: a hypervisor that waits before the first instruction of its guest, and outlives this
 * process. `plan` is called with the folder of the machine, where it may put a disk, which then goes with
 * the machine. When anything fails, or this process is killed, no process stays; when it fails, no file.
 * @throws ConvertError `MACHINE_EXISTS`; `QEMU_NOT_FOUND`; `QEMU_FAILED`, as when a port is taken;
 * `FIRECRACKER_NOT_FOUND`; `FIRECRACKER_FAILED`; `USAGE` for what Firecracker does not have; `HOOK_FAILED`; `OUTPUT_UNUSABLE`, `OUTPUT_FULL`; what `plan` throws.
 */
export async function createMachine(
  root: string,
  id: MachineId,
  plan: (folder: string) => Promise<PlannedMachine>,
  options: CreateOptions,
): Promise<MachineState> {
  const { source, annotations, hooks, signal, onWarning } = options;
  const record: MachineRecord = {
    ...{ version: 1, id, creator: await myself() },
    ...{ source, annotations, hooks },
  };
  await sweep(root);
  const folder = await claimFolder(root, record);
  try {
    const { machine, annotations: ofPlan } = await plan(folder);
    signal?.throwIfAborted();
    const planned = { ...record, annotations: { ...annotations, ...ofPlan } };
    return await bringUp(folder, planned, machine, options);
  } catch (error) {
    await forgetServers(folder);
    await removeFolder(root, record);
    // The spec goes on with what comes after a machine's end (runtime.md, "Lifecycle", steps 3 and 4).
    if (errorCodeOf(error) === 'HOOK_FAILED') {
      await runPoststop(hooks, describeState(record, 'stopped', folder), onWarning);
    }
    throw error;
  }
}

async function bringUp(
  folder: string,
  record: MachineRecord,
  planned: Machine,
  { kind = 'qemu', env = process.env, logSize = usualLogSize, signal }: CreateOptions,
): Promise<MachineState> {
  const machine = withSockets(planned, folder);
  const words = waitingCommand(machine, kind, env);
  const servers = await keepShares(folder, machine, env, signal);
  let supervised: Supervised | undefined;
  try {
    supervised = await supervise(folder, kind, words, logSize);
    const { hypervisor, supervisor } = supervised;
    const ports = await prepare(folder, supervised, machine, kind, signal);
    const { keepers } = servers;
    const vmm: KeptVmm = {
      ...{ kind, machine, hypervisor, supervisor, ports },
      ...(keepers.length > 0 && { keepers }),
    };
    const whole: MachineRecord = { ...record, vmm };
    await writeRecord(folder, whole);
    const creating = describeState(whole, 'creating', folder);
    await runHooks('prestart', record.hooks.prestart, creating);
    await runHooks('createRuntime', record.hooks.createRuntime, creating);
    signal?.throwIfAborted();
    // A creator who dies between these leaves servers that end with their hypervisor.
    await servers.keep(hypervisor);
    await supervised.keep();
    return describeState(whole, 'created', folder);
  } catch (error) {
    const isOver = await isItsEnd(error, supervised);
    // All that it said is noted when it is gone.
    await supervised?.drop();
    await servers.drop();
    throw isOver ? await endError(folder, words[0] ?? kind, error) : error;
  }
}

async function prepare(
  folder: string,
  { hypervisor }: Supervised,
  machine: Machine,
  kind: VmmKind,
  signal: AbortSignal | undefined,
): Promise<KeptVmm['ports']> {
  const forwards = machine.networks.flatMap((network) =>
    network.kind === 'user' ? network.forwards : [],
  );
  const control = await listening(folder, hypervisor, kind, signal);
  try {
    await control.handOver(machine);
    return await control.ports(forwards);
  } finally {
    await control.close();
  }
}

async function listening(
  folder: string,
  hypervisor: Owner,
  kind: VmmKind,
  signal: AbortSignal | undefined,
): Promise<Control> {
  const deadline = Date.now() + patience;
  for (;;) {
    signal?.throwIfAborted();
    const lived = await isAlive(hypervisor);
    try {
      return await controlOf(folder, kind);
    } catch (error) {
      if (lived !== true || Date.now() > deadline) throw error;
      await delay(20);
    }
  }
}
