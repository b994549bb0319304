import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile, readlink } from 'node:fs/promises';
import { systemCodeOf } from './io-error.ts';

/** A process, told apart from every other that had or will have its number. */
export interface Owner {
  readonly pid: number;
  /** When the process started, in clock ticks since boot: tells reused process ids apart. */
  readonly start: string;
  /** Boot and process-id namespace, within which a pid means something; 16 hex digits. */
  readonly realm: string;
}

let known: Promise<Owner> | undefined;

/** The process that asks. */
export function myself(): Promise<Owner> {
  known ??= readMyself();
  return known;
}

async function readMyself(): Promise<Owner> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
  const realm = `${boot.trim()},${await readlink('/proc/self/ns/pid')}`;
  return {
    pid: process.pid,
    start: startOf(process.pid) ?? '0',
    realm: createHash('sha256').update(realm).digest('hex').slice(0, 16),
  };
}

/** The process that has the number `pid` here and now; undefined when there is none. */
export async function ownerOf(pid: number): Promise<Owner | undefined> {
  const start = startOf(pid);
  return start === undefined ? undefined : { pid, start, realm: (await myself()).realm };
}

/**
 * Whether the process runs; undefined for one that cannot be seen: of another boot or container, or of
 * another user where /proc hides those (proc(5), `hidepid`).
 */
export async function isAlive(owner: Owner): Promise<boolean | undefined> {
  if (owner.realm !== (await myself()).realm) return undefined;
  const start = startOf(owner.pid);
  return start === undefined && isHidden(owner.pid) ? undefined : start === owner.start;
}

/** Whom we may not even send nothing to, is there. */
function isHidden(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return systemCodeOf(error) === 'EPERM';
  }
}

/**
 * Fields 22 and 3 of `/proc/PID/stat` (proc_pid_stat(5)), which follow a name that may hold blanks.
 * A process that ended and was not yet waited for counts as gone.
 */
function startOf(pid: number): string | undefined {
  let stat: string;
  try {
    // Without waiting: four trips to the thread pool cost ten times what the reading does.
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    // ESRCH: it ended between the opening and the reading.
    if (['ENOENT', 'ESRCH'].includes(systemCodeOf(error) ?? '')) return undefined;
    throw error;
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? undefined : fields[19];
}
