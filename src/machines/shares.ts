import { createHash } from 'node:crypto';
import { isAlive, type Owner } from '../../store/processes.ts';
import type { Machine } from '../run/machine.ts';
import { findVirtiofsd, removeLocks } from '../run/virtiofsd.ts';
import { type KeptShare, keepShare } from './keep-share.ts';
import { killGroup } from './kill-group.ts';
import type { KeptVmm } from './record.ts';

/** The servers of a machine's shares. */
export interface KeptShares {
  readonly keepers: readonly Owner[];
  /** From now on they end with the hypervisor, which ends with the first of them. */
  keep(hypervisor: Owner): Promise<void>;
  /** Kills those that live. */
  drop(): Promise<void>;
}

/**
 * The machine with its sockets in `folder`, where its hypervisor and its servers work: a name is short enough for
 * the address of a socket. QEMU's virtiofsd locks it by that name alone, so that it is unlike those of others.
 */
export function withSockets(machine: Machine, folder: string): Machine {
  const { shares } = machine;
  if (shares === undefined) return machine;
  const placed = shares.map((share) => ({ ...share, socket: `${markOf(folder)}${share.socket}` }));
  return { ...machine, shares: placed };
}

function markOf(folder: string): string {
  return `${createHash('sha256').update(folder).digest('hex').slice(0, 16)}-`;
}

/**
 * Starts the servers of a machine that has its sockets.
 * @throws ConvertError `QEMU_FAILED` where there is no virtiofsd for this user, or one does not listen; the
 * signal's reason.
 */
export async function keepShares(
  folder: string,
  { shares = [] }: Machine,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<KeptShares> {
  const kept: KeptShare[] = [];
  const drop = async (): Promise<void> => {
    await Promise.all(kept.map((one) => one.drop()));
  };
  try {
    if (shares.length > 0) {
      const virtiofsd = findVirtiofsd(env);
      for (const [at, share] of shares.entries()) {
        kept.push(await keepShare(folder, at, share, virtiofsd, signal));
      }
    }
  } catch (error) {
    await drop();
    throw error;
  }
  return {
    keepers: kept.map(({ keeper }) => keeper),
    drop,
    async keep(hypervisor) {
      await Promise.all(kept.map((one) => one.keep(hypervisor)));
    },
  };
}

/** Kills the servers of a machine that are left, with the shells that wait for them; true when there were any. */
export async function endServers({ keepers = [] }: KeptVmm): Promise<boolean> {
  const alive = await Promise.all(keepers.map(async (one) => (await isAlive(one)) === true));
  const left = keepers.filter((_, at) => alive[at]);
  for (const { pid } of left) killGroup(pid);
  return left.length > 0;
}

/** Removes what the servers of the machine in `folder` left outside of it. */
export async function forgetServers(folder: string): Promise<void> {
  await removeLocks(markOf(folder));
}
