import { randomUUID } from 'node:crypto';
import { lstat, lutimes, readdir, readlink, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StoreError } from './error.ts';
import { systemCodeOf } from './io-error.ts';
import { isAlive, myself, type Owner } from './owner.ts';

/*
 * A lock is a symbolic link whose target names its holder: made in one step with its content, and
 * only by one process, on every file system. A dead holder's lock is not removed, for between
 * looking at it and removing it another process may have done so and taken the lock. Instead the
 * lock has a line of succession: who finds holder T dead makes `LOCK.T`, which again only one can,
 * and then looks whether the line from `LOCK` on still leads there. The holder at its end removes
 * the line from the front. Tokens are never used twice, so that a late heir finds himself cut off.
 */

interface Holder extends Owner {
  readonly token: string;
}

export interface Lock {
  release(): Promise<void>;
}

/**
 * Milliseconds without a sign of life after which a holder of another boot or container, who cannot
 * be looked up, is taken for dead. A holder gives four signs in that time.
 */
const usualGrace = 10_000;

/**
 * Runs `use` while no other process does so under the same lock file. For short work.
 * @throws StoreError `STORE_UNUSABLE` when a holder who lives does not let go in `patience` ms.
 */
export async function withLock<T>(
  path: string,
  use: () => Promise<T>,
  { patience = 30_000, grace = usualGrace } = {},
): Promise<T> {
  const deadline = Date.now() + patience;
  let lock = await tryLock(path, grace);
  while (lock === undefined) {
    if (Date.now() > deadline) {
      throw new StoreError(
        'STORE_UNUSABLE',
        `waiting for ${path}: found it held for ${patience} ms, wanted it free`,
        { hint: `see who holds it: readlink '${path}'` },
      );
    }
    await delay(5 + Math.random() * 20);
    lock = await tryLock(path, grace);
  }
  try {
    return await use();
  } finally {
    await lock.release();
  }
}

/** The lock, or undefined when someone who lives holds it. */
export async function tryLock(path: string, grace = usualGrace): Promise<Lock | undefined> {
  const me: Holder = { ...(await myself()), token: randomUUID() };
  const line = await acquire(path, me, grace);
  if (line === undefined) return undefined;
  const own = line.at(-1) ?? path;
  const pulse = setInterval(() => {
    const now = new Date();
    // Who cannot give a sign of life is at worst taken for dead, which must not end the work.
    lutimes(own, now, now).catch(() => undefined);
  }, grace / 4);
  pulse.unref();
  return {
    async release() {
      clearInterval(pulse);
      for (const link of line) {
        await orUndefined(unlink(link));
      }
    },
  };
}

/** Removes from `folder` the locks of holders who died and have no heirs. */
export async function sweepLocks(folder: string, grace = usualGrace): Promise<void> {
  const names = (await orUndefined(readdir(folder))) ?? [];
  // The front of a line comes before the rest of it.
  for (const name of names.sort()) {
    const path = join(folder, name);
    const front = join(folder, name.replace(/\.lock\..*/, '.lock'));
    if (front === path) {
      await (await tryLock(path, grace))?.release();
    } else if ((await ownerOf(front)) === undefined) {
      // Nothing leads here any more: its holder died while letting go.
      const holder = await ownerOf(path);
      if (holder !== undefined && !(await lives(holder, path, grace))) {
        await orUndefined(unlink(path));
      }
    }
  }
}

/** The line of locks that ends in ours, or undefined when someone who lives holds it. */
async function acquire(path: string, me: Holder, grace: number): Promise<string[] | undefined> {
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
  await orUndefined(unlink(end));
  return undefined;
}

async function leadsTo(path: string, me: Holder): Promise<boolean> {
  let owner = await ownerOf(path);
  while (owner !== undefined && owner.token !== me.token) {
    owner = await ownerOf(`${path}.${owner.token}`);
  }
  return owner !== undefined;
}

async function claim(path: string, { pid, start, realm, token }: Holder): Promise<boolean> {
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

async function ownerOf(path: string): Promise<Holder | undefined> {
  const text = await orUndefined(readlink(path));
  if (text === undefined) {
    return undefined;
  }
  const [pid = '', start = '', realm = '', token = ''] = text.split(' ');
  return { pid: Number(pid), start, realm, token };
}

async function lives(holder: Holder, path: string, grace: number): Promise<boolean> {
  const alive = await isAlive(holder);
  if (alive !== undefined) return alive;
  const link = await orUndefined(lstat(path));
  return link === undefined || Date.now() - link.mtimeMs < grace;
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
