import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Owner } from '../../store/processes.ts';
import { openOutputFile } from '../disk/output-file.ts';
import { ConvertError } from '../error.ts';
import { isObject, jsonIn, membersOf } from '../run/json.ts';
import type { Machine } from '../run/machine.ts';
import type { PortForward } from '../run/port-forward.ts';
import type { VmmKind } from '../run/run-machine.ts';
import { shellWord } from '../shell-word.ts';
import { unreadReason } from '../unread-file.ts';
import type { Hooks } from './hooks.ts';
import type { MachineId } from './machine-id.ts';

/** What `machine.json` keeps of a machine; its shape is `schemas/machine.schema.json`. */
export interface MachineRecord {
  readonly version: 1;
  readonly id: MachineId;
  /** The process that creates it, or did. */
  readonly creator: Owner;
  /** The path of a disk, or the reference of an image. */
  readonly source: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly hooks: Hooks;
  /** Absent until the hypervisor waits with the machine. */
  readonly vmm?: KeptVmm;
}

/** The hypervisor that keeps a machine, and who waits for its end. */
export interface KeptVmm {
  readonly kind: VmmKind;
  readonly machine: Machine;
  readonly hypervisor: Owner;
  /** The process that waits for the hypervisor's end, to note it. */
  readonly supervisor: Owner;
  /** The processes that wait for the ends of the servers of its shares, in their order; absent without any. */
  readonly keepers?: readonly Owner[];
  /** The ports of the host as they are, also where the host chose them. */
  readonly ports: readonly PortForward[];
}

/** The files in the folder of a machine. */
export const fileNames = {
  record: 'machine.json',
  /** Empty; made by the supervisor when the creation is done. */
  created: 'created',
  /** Empty; made when the guest was let go. */
  started: 'started',
  /** The last of the console; what came before it is in `olderOf` of it. */
  console: 'console.log',
  /** What the hypervisor itself says; kept in the same way. */
  talk: 'hypervisor.log',
  /** The exit code of the hypervisor, as a shell gives it: 128 and the signal where it was killed. */
  exit: 'exit',
  /** The number of the share whose server ended, which ended the machine. */
  lost: 'lost',
} as const;

/** The sockets of QEMU's monitor and of Firecracker's API. */
export const controlNames = { qemu: 'qmp', firecracker: 'api' } as const satisfies Record<
  VmmKind,
  string
>;

/** A record is small: a command line, hooks and annotations. */
const recordCap = 4 << 20;

/** @throws ConvertError `OUTPUT_UNUSABLE`, `OUTPUT_FULL`. */
export async function writeRecord(folder: string, record: MachineRecord): Promise<void> {
  const file = openOutputFile(join(folder, fileNames.record));
  try {
    file.write(Buffer.from(`${JSON.stringify(record, undefined, 2)}\n`), 0);
    await file.commit();
  } finally {
    file.discard();
  }
}

/**
 * @returns undefined when there is no such machine.
 * @throws ConvertError `MACHINE_STATE` when its record is damaged, or of another version.
 */
export async function readRecord(folder: string): Promise<MachineRecord | undefined> {
  const path = join(folder, fileNames.record);
  const bytes = await readFile(path).catch(unlessMissing);
  if (bytes === undefined) return undefined;
  const record = recordIn(bytes);
  if (record !== undefined) return record;
  throw new ConvertError(
    'MACHINE_STATE',
    `reading ${path}: found something else, wanted the record of a machine`,
    {
      hint: 'see whether its hypervisor runs: pgrep -a "qemu-system|firecracker"; then remove its folder',
    },
  );
}

/**
 * Checked by hand, and what processes are signalled by most of all: the schema would take longer than all
 * else that a command does.
 */
function recordIn(bytes: Buffer): MachineRecord | undefined {
  const value = bytes.length > recordCap ? undefined : jsonIn(bytes.toString('utf8'));
  const { version, creator, source, annotations, hooks, vmm } = membersOf(value);
  const { kind, machine, hypervisor, supervisor, keepers = [], ports } = membersOf(vmm);
  const isWhole =
    version === 1 &&
    isOwner(creator) &&
    typeof source === 'string' &&
    [annotations, hooks].every(isObject) &&
    (vmm === undefined ||
      ((kind === 'qemu' || kind === 'firecracker') &&
        isObject(machine) &&
        [hypervisor, supervisor].every(isOwner) &&
        Array.isArray(keepers) &&
        keepers.every(isOwner) &&
        Array.isArray(ports)));
  return isWhole ? (value as MachineRecord) : undefined;
}

/** Numbers below 1 mean groups of processes to kill(2). */
function isOwner(value: unknown): boolean {
  const { pid, start, realm } = membersOf(value);
  const isPid = typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 0;
  return isPid && typeof start === 'string' && typeof realm === 'string';
}

/**
 * For a `catch`: a file that is not there, or no longer, is undefined.
 * @throws ConvertError `ACCESS_DENIED` for one of another user; else `error`.
 */
export function unlessMissing(error: unknown): undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') return;
  if (code !== 'EACCES') throw error;
  const path = error instanceof Error && 'path' in error ? `${error.path}` : 'a file';
  throw new ConvertError(
    'ACCESS_DENIED',
    `reading ${path}: found ${unreadReason(error)}, wanted machines of this user`,
    { hint: `namei -l ${shellWord(path)}`, cause: error },
  );
}
