import { randomUUID } from 'node:crypto';
import { lstat, readFile, readlink, symlink, unlink } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { StoreError } from './error.ts';
import { systemCodeOf } from './io-error.ts';

/*
 * A lock is a symbolic link whose target names its owner: made in one step with its content, and
 * only by one process, on every file system. A dead owner's lock is not removed, for between
 * looking at it and removing it another process may have done so and taken the lock. Instead the
 * lock has a line of succession: who finds owner T dead makes `LOCK.T`, which again only one can,
 * and then looks whether the line from `LOCK` on still leads there. The owner at its end removes
 * the line from the front. Tokens are never used twice, so that a late heir finds himself cut off.
 */

interface Owner {
  readonly pid: number;
  /** When the process started, in clock ticks since boot: tells reused process ids apart. */
  readonly start: string;
  /** Boot and process-id namespace, within which a pid means something. */
  readonly realm: string;
  readonly token: string;
}

interface LockOptions {
  /** Milliseconds to wait for an owner who lives. */
  readonly patience?: number;
  /** Milliseconds after which an owner of another boot or container is taken for dead. */
  readonly grace?: number;
}

/**
 * Runs `use` while no other process does so under the same lock file.
 * @throws StoreError `STORE_UNUSABLE` when an owner who lives does not let go.
 */
export async function withLock<T>(
  path: string,
  use: () => Promise<T>,
  { patience = 30_000, grace = 10_000 }: LockOptions = {},
): Promise<T> {
  const me = await myself();
  const deadline = Date.now() + patience;
  let line = await acquire(path, me, grace);
  while (line === undefined) {
    if (Date.now() > deadline) {
      throw new StoreError(
        'STORE_UNUSABLE',
        `waiting for ${path}: found it held for ${patience} ms, wanted it free`,
        { hint: `see who holds it: readlink '${path}'` },
      );
    }
    await delay(5 + Math.random() * 20);
    line = await acquire(path, me, grace);
  }
  try {
    return await use();
  } finally {
    for (const link of line) {
      await unlink(link);
    }
  }
}

/** The line of locks that ends in ours, or undefined when someone who lives holds it. */
async function acquire(path: string, me: Owner, grace: number): Promise<string[] | undefined> {
  const line: string[] = [];
  let end = path;
  for (let owner = await ownerOf(end); owner !== undefined; owner = await ownerOf(end)) {
    if (await lives(owner, end, grace)) {
      return undefined;
    }
    line.push(end);
    end = `${path}.${owner.token}`;
  }
  if (!(await claim(end, me))) {
    return undefined;
  }
  if (line.length === 0 || (await leadsTo(path, me))) {
    return [...line, end];
  }
  await unlink(end);
  return undefined;
}

async function leadsTo(path: string, me: Owner): Promise<boolean> {
  let owner = await ownerOf(path);
  while (owner !== undefined && owner.token !== me.token) {
    owner = await ownerOf(`${path}.${owner.token}`);
  }
  return owner !== undefined;
}

async function claim(path: string, { pid, start, realm, token }: Owner): Promise<boolean> {
  try {
    await symlink([pid, start, realm, token].join(' '), path);
    return true;
  } catch (error) {
    if (systemCodeOf(error) === 'EEXIST') {
      return false;
    }
    throw error;
  }
}

async function ownerOf(path: string): Promise<Owner | undefined> {
  const text = await orUndefined(readlink(path));
  if (text === undefined) {
    return undefined;
  }
  const [pid = '', start = '', realm = '', token = ''] = text.split(' ');
  return { pid: Number(pid), start, realm, token };
}

async function lives(owner: Owner, path: string, grace: number): Promise<boolean> {
  if (owner.realm === (await realm())) {
    return (await startOf(owner.pid)) === owner.start;
  }
  const made = await orUndefined(lstat(path));
  return made === undefined || Date.now() - made.mtimeMs < grace;
}

async function myself(): Promise<Owner> {
  const start = (await startOf(process.pid)) ?? '0';
  return { pid: process.pid, start, realm: await realm(), token: randomUUID() };
}

async function realm(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
  return `${boot.trim()},${await readlink('/proc/self/ns/pid')}`;
}

/**
 * Fields 22 and 3 of `/proc/PID/stat` (proc_pid_stat(5)), which follow a name that may hold blanks.
 * A process that ended and was not yet waited for counts as gone.
 */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await orUndefined(readFile(`/proc/${pid}/stat`, 'utf8'));
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields?.[0] === 'Z' ? undefined : fields?.[19];
}

async function orUndefined<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}
