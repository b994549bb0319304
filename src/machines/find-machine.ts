import { constants } from 'node:fs';
import { access, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive, type Owner } from '../../store/processes.ts';
import { ConvertError } from '../error.ts';
import type { GuestEnd } from '../run/end.ts';
import { answersAt, controlOf } from './control.ts';
import { isMachineId, type MachineId } from './machine-id.ts';
import { readEnd } from './read-end.ts';
import { fileNames, type MachineRecord, readRecord, unlessMissing } from './record.ts';
import { describeState, type MachineState, type Status, statusOf } from './state.ts';

/** A machine as it was found just now. */
export interface FoundMachine {
  readonly id: MachineId;
  readonly folder: string;
  readonly record: MachineRecord;
  readonly status: Status;
  /** When it is stopped. */
  readonly end?: GuestEnd;
}

/** @throws ConvertError `MACHINE_NOT_FOUND`, with what was `doing`; `MACHINE_STATE` for a damaged record. */
export async function findMachine(
  root: string,
  id: MachineId,
  doing: string,
): Promise<FoundMachine> {
  const found = await lookUp(root, id);
  if (found !== undefined) return found;
  throw new ConvertError(
    'MACHINE_NOT_FOUND',
    `${doing} machine ${id}: found none of this name below ${root}, wanted one`,
    { hint: 'osv-convert list' },
  );
}

/** All machines below a root, by name; `onWarning` is told of those whose record is damaged. */
export async function listMachines(
  root: string,
  onWarning: (text: string) => void,
): Promise<readonly FoundMachine[]> {
  const names = (await readdir(root).catch(unlessMissing)) ?? [];
  const found = await Promise.all(
    names
      .filter(isMachineId)
      .sort()
      .map(async (id) => {
        try {
          return await lookUp(root, id);
        } catch (error) {
          if (!(error instanceof ConvertError)) throw error;
          onWarning(error.message);
          return undefined;
        }
      }),
  );
  return found.filter((machine) => machine !== undefined);
}

/** @throws ConvertError as `findMachine`. */
export async function machineState(root: string, id: MachineId): Promise<MachineState> {
  return stateOf(await findMachine(root, id, 'looking at'));
}

export function stateOf({ record, status, folder, end }: FoundMachine): MachineState {
  return describeState(record, status, folder, end);
}

/** When it was created. */
export async function creationTime({ folder }: FoundMachine): Promise<Date | undefined> {
  return (await stat(join(folder, fileNames.record)).catch(unlessMissing))?.mtime;
}

async function lookUp(root: string, id: MachineId): Promise<FoundMachine | undefined> {
  const folder = join(root, id);
  const record = await readRecord(folder);
  if (record === undefined) return undefined;
  const status = await readStatus(folder, record);
  const end = status === 'stopped' ? await readEnd(folder, record) : undefined;
  return { id, folder, record, status, ...(end && { end }) };
}

async function readStatus(folder: string, record: MachineRecord): Promise<Status> {
  const [created, started, creatorLives, hypervisorLives] = await Promise.all([
    exists(join(folder, fileNames.created)),
    exists(join(folder, fileNames.started)),
    isAlive(record.creator).then((lives) => lives === true),
    hypervisorLivesIn(folder, record),
  ]);
  const status = statusOf({ created, started, creatorLives, hypervisorLives });
  // Who let the guest go may have died before he noted it.
  return status === 'created' && (await runsUnnoted(folder, record)) ? 'running' : status;
}

/** A process of another container cannot be looked up, but its socket answers. */
export async function hypervisorLivesIn(folder: string, { vmm }: MachineRecord): Promise<boolean> {
  if (vmm === undefined) return false;
  return (await isAlive(vmm.hypervisor)) ?? (await answersAt(folder, vmm.kind));
}

/** One of the processes of a machine that was started here still is. */
export async function livesOn({ vmm }: MachineRecord): Promise<boolean> {
  const owners: readonly Owner[] = vmm === undefined ? [] : [vmm.hypervisor, vmm.supervisor];
  return (await Promise.all(owners.map(isAlive))).includes(true);
}

async function runsUnnoted(folder: string, { vmm }: MachineRecord): Promise<boolean> {
  if (vmm === undefined) return false;
  try {
    const control = await controlOf(folder, vmm.kind, { timeout: 2000 });
    try {
      return await control.isRunning();
    } finally {
      await control.close();
    }
  } catch {
    // It ended, or another has its ear: there will be a note soon.
    return false;
  }
}

async function exists(path: string): Promise<boolean> {
  return await access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
}
