import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive, myself, type Owner } from '../../store/index.ts';
import { ConvertError, errorCodeOf } from '../error.ts';
import { findProgram } from '../run/find-program.ts';
import type { Machine } from '../run/machine.ts';
import { qemuArguments, qemuPrograms } from '../run/qemu-arguments.ts';
import { type Control, controlOf } from './control.ts';
import { claimFolder, removeFolder, sweep } from './folders.ts';
import type { Hooks } from './hooks.ts';
import type { MachineId } from './machine-id.ts';
import { tailOf } from './read-end.ts';
import { fileNames, type MachineRecord, type Vmm, writeRecord } from './record.ts';
import { runHooks, runPoststop } from './run-hook.ts';
import { describeState, type MachineState } from './state.ts';
import { type Supervised, supervise } from './supervise.ts';

export interface CreateOptions {
  /** The path of a disk, or the reference of an image. */
  readonly source: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly hooks: Hooks;
  /** In whose PATH QEMU is looked for. */
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

/** Milliseconds that QEMU has until it listens; a busy host starts many at once. */
const patience = 60_000;

/**
 * Creates a machine: a QEMU that waits before the first instruction of its guest, and outlives this
 * process. `plan` is called with the folder of the machine, where it may put a disk, which then goes with
 * the machine. When anything fails, or this process is killed, no process stays; when it fails, no file.
 * @throws ConvertError `MACHINE_EXISTS`; `QEMU_NOT_FOUND`; `QEMU_FAILED`, as when a port is taken;
 * `HOOK_FAILED`; `OUTPUT_UNUSABLE`, `OUTPUT_FULL`; what `plan` throws.
 */
export async function createMachine(
  root: string,
  id: MachineId,
  plan: (folder: string) => Promise<PlannedMachine>,
  options: CreateOptions,
): Promise<MachineState> {
  const { source, annotations, hooks, env = process.env, signal, onWarning } = options;
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
    return await bringUp(folder, planned, machine, env, signal);
  } catch (error) {
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
  machine: Machine,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<MachineState> {
  const words = [programOf(machine, env), ...waitingArguments(machine)];
  const supervised = await supervise(folder, words).catch((cause) => blamed(folder, cause));
  try {
    const { qemu, supervisor } = supervised;
    const ports = await prepare(folder, supervised, machine, signal).catch((cause) =>
      blamed(folder, cause),
    );
    const vmm: Vmm = { machine, qemu, supervisor, ports };
    const whole: MachineRecord = { ...record, vmm };
    await writeRecord(folder, whole);
    const creating = describeState(whole, 'creating', folder);
    await runHooks('prestart', record.hooks.prestart, creating);
    await runHooks('createRuntime', record.hooks.createRuntime, creating);
    signal?.throwIfAborted();
    await supervised.keep();
    return describeState(whole, 'created', folder);
  } catch (error) {
    await supervised.drop();
    throw error;
  }
}

/** QEMU is started in the folder of the machine: the address of a socket must be short. */
export function waitingArguments(machine: Machine): readonly string[] {
  const control = { kind: 'socket', path: fileNames.control } as const;
  return [...qemuArguments(machine, control), '-S'];
}

function programOf({ architecture }: Machine, env: NodeJS.ProcessEnv): string {
  const name = qemuPrograms[architecture];
  const program = findProgram(name, env);
  if (program !== undefined) return program;
  const hint = `sudo apt-get install qemu-system-${architecture === 'x86_64' ? 'x86' : 'arm'}`;
  throw new ConvertError('QEMU_NOT_FOUND', `creating a machine: found no ${name} on PATH`, {
    hint,
  });
}

async function prepare(
  folder: string,
  { qemu }: Supervised,
  { boot, networks }: Machine,
  signal: AbortSignal | undefined,
): Promise<Vmm['ports']> {
  const forwards = networks.flatMap((network) => (network.kind === 'user' ? network.forwards : []));
  const control = await listening(folder, qemu, signal);
  try {
    await control.handOver(boot);
    return await control.ports(forwards);
  } finally {
    control.close();
  }
}

/** What QEMU said before it ended tells more than that it did. */
async function blamed(folder: string, cause: unknown): Promise<never> {
  const talk = (await tailOf(join(folder, fileNames.talk)))?.toString('utf8').trim();
  if (!talk || errorCodeOf(cause) !== 'QEMU_FAILED') throw cause;
  throw new ConvertError('QEMU_FAILED', `creating a machine: found that QEMU ended: ${talk}`, {
    cause,
    ...(talk.includes('host forwarding') && { hint: 'see what has the port: ss -ltnup' }),
  });
}

async function listening(
  folder: string,
  qemu: Owner,
  signal: AbortSignal | undefined,
): Promise<Control> {
  const deadline = Date.now() + patience;
  for (;;) {
    signal?.throwIfAborted();
    const lived = await isAlive(qemu);
    try {
      return await controlOf(folder);
    } catch (error) {
      if (lived !== true || Date.now() > deadline) throw error;
      await delay(20);
    }
  }
}
