import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StoreError } from '../error.ts';
import type { Files } from '../files/files.ts';
import { isAlive, myself, type Owner } from '../files/owner.ts';
import { correctEarly } from './early.ts';

/*
 * A lock is a symbolic link whose target names its holder: made in one step with its content, and
 * only by one process, on every file system. A dead holder's lock is not removed, for between
 * looking at it and removing it another process may have done so and taken the lock. Instead the
 * lock has a line of succession: who finds holder T dead makes `LOCK.T`, which again only one can,
 * and then looks whether the line from `LOCK` on still leads there. The holder at its end removes
 * the line from the front. Tokens are never used twice, so that a late heir finds himself cut off.
 * Together with the holder they take less than 60 bytes, which ext4 keeps in the inode: a lock can
 * be had on a full disk.
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

/** Of locks that were let go of here and, for a failure of the disk, may not have been removed. */
const spentTokens = new Set<string>();

/**
 * Runs `use` while no other process does so under the same lock file. For short work.
 * @throws StoreError `STORE_UNUSABLE` when a holder who lives does not let go in `patience` ms.
 */
export async function withLock<T>(
  files: Files,
  path: string,
  use: () => Promise<T>,
  { patience = 30_000, grace = usualGrace } = {},
): Promise<T> {
  const deadline = Date.now() + patience;
  let lock = await tryLock(files, path, grace);
  while (lock === undefined) {
    if (Date.now() > deadline) {
      throw new StoreError(
        'STORE_UNUSABLE',
        `waiting for ${path}: found it held for ${patience} ms, wanted it free`,
        { hint: `see who holds it: readlink '${path}'` },
      );
    }
    await delay(5 + Math.random() * 20);
    lock = await tryLock(files, path, grace);
  }
  try {
    return await use();
  } finally {
    await lock.release();
  }
}

/** The lock, or undefined when someone who lives holds it. */
export async function tryLock(
  files: Files,
  path: string,
  grace = usualGrace,
): Promise<Lock | undefined> {
  const me: Holder = { ...(await myself()), token: randomBytes(12).toString('base64url') };
  const line = await orSpent(me, () => acquire(files, path, me, grace));
  if (line === undefined) return undefined;
  const own = line.at(-1) ?? path;
  const pulse = setInterval(() => {
    // Who cannot give a sign of life is at worst taken for dead, which must not end the work.
    try {
      files.touch(own);
    } catch {}
  }, grace / 4);
  pulse.unref();
  return {
    async release() {
      clearInterval(pulse);
      await orSpent(me, async () => {
        for (const link of line) files.remove(link);
      });
    },
  };
}

async function orSpent<T>({ token }: Holder, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    spentTokens.add(token);
    throw error;
  }
}

/** Whether someone who lives holds the lock. Writes nothing. */
export async function isLocked(files: Files, path: string, grace = usualGrace): Promise<boolean> {
  let end = path;
  for (let owner = ownerOf(files, end); owner !== undefined; owner = ownerOf(files, end)) {
    if (await lives(files, owner, end, grace)) return true;
    end = `${path}.${owner.token}`;
  }
  return false;
}

/** Removes from `folder` the locks of holders who died and have no heirs. */
export async function sweepLocks(files: Files, folder: string, grace = usualGrace): Promise<void> {
  const links = (files.list(folder) ?? []).filter(({ kind }) => kind === 'symlink');
  // The front of a line comes before the rest of it.
  for (const name of links.map(({ name }) => name).sort()) {
    const path = join(folder, name);
    const front = join(folder, name.replace(/\.lock\..*/, '.lock'));
    if (front === path) {
      await (await tryLock(files, path, grace))?.release();
    } else if (ownerOf(files, front) === undefined) {
      // Nothing leads here any more: its holder died while letting go.
      const holder = ownerOf(files, path);
      if (holder !== undefined && !(await lives(files, holder, path, grace))) files.remove(path);
    }
  }
}

/** The line of locks that ends in ours, or undefined when someone who lives holds it. */
async function acquire(
  files: Files,
  path: string,
  me: Holder,
  grace: number,
): Promise<string[] | undefined> {
  const line: string[] = [];
  let end = path;
  for (let owner = ownerOf(files, end); owner !== undefined; owner = ownerOf(files, end)) {
    if (await lives(files, owner, end, grace)) {
      correctEarly(files, end);
      return undefined;
    }
    line.push(end);
    end = `${path}.${owner.token}`;
  }
  if (!claim(files, end, me)) {
    return undefined;
  }
  if (line.length === 0 || leadsTo(files, path, me)) {
    return [...line, end];
  }
  files.remove(end);
  return undefined;
}

function leadsTo(files: Files, path: string, me: Holder): boolean {
  let owner = ownerOf(files, path);
  while (owner !== undefined && owner.token !== me.token) {
    owner = ownerOf(files, `${path}.${owner.token}`);
  }
  return owner !== undefined;
}

function claim(files: Files, path: string, { pid, start, realm, token }: Holder): boolean {
  return files.symlink([pid, start, realm, token].join(' '), path);
}

function ownerOf(files: Files, path: string): Holder | undefined {
  const text = files.readLink(path);
  if (text === undefined) {
    return undefined;
  }
  const [pid = '', start = '', realm = '', token = ''] = text.split(' ');
  return { pid: Number(pid), start, realm, token };
}

async function lives(files: Files, holder: Holder, path: string, grace: number): Promise<boolean> {
  if (spentTokens.has(holder.token)) return false;
  const alive = await isAlive(holder);
  if (alive !== undefined) return alive;
  const link = files.stat(path);
  return link === undefined || Date.now() - link.mtime < grace;
}
