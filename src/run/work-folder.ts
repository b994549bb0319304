import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { isAlive, myself, type Owner } from '../../store/processes.ts';
import { removeLocks } from './virtiofsd.ts';

/** A folder for what this process and its machine need until they end. It is `makeWorkFolder`'s. */
export function makeTemporaryFolder(): Promise<string> {
  return makeWorkFolder(join(tmpdir(), 'osv-convert-'), removeLocks);
}

/**
 * A new folder, whose path begins with `prefix` and goes on with whose it is. Who is killed leaves it behind, and the
 * next who makes one with this prefix removes it; `forget` is told of it before.
 */
export async function makeWorkFolder(
  prefix: string,
  forget?: (folder: string) => Promise<void>,
): Promise<string> {
  await sweepWorkFolders(prefix, forget);
  return await mkdtemp(`${prefix}${ownerWord(await myself())}-`);
}

const day = 24 * 3600 * 1000;

/**
 * Removes what is called `prefix`, the word of a process that is dead, and more. Of another boot or container, where
 * processes cannot be looked up, what has not changed for a day. What others made, or may write in, is left alone:
 * anyone may give such a name, and change what is in there while it is being removed.
 */
export async function sweepWorkFolders(
  prefix: string,
  forget?: (folder: string) => Promise<void>,
): Promise<void> {
  const [folder, beginning] = [dirname(prefix), basename(prefix)];
  const names = await readdir(folder).catch((): string[] => []);
  for (const name of names) {
    const owner = name.startsWith(beginning) ? ownerIn(name.slice(beginning.length)) : undefined;
    if (owner === undefined) continue;
    const path = join(folder, name);
    const found = await lstat(path).catch(() => undefined);
    if (found === undefined || !found.isDirectory()) continue;
    if (found.uid !== process.geteuid?.() || (found.mode & 0o022) !== 0) continue;
    const lives = (await isAlive(owner)) ?? Date.now() - found.ctimeMs < day;
    if (lives) continue;
    await forget?.(path);
    await removeWork(path);
  }
}

/** A program that is ending may just be writing in there. */
export async function removeWork(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
}

/** For the name of a folder on which a process is at work. */
export function ownerWord({ pid, start, realm }: Owner): string {
  return `${pid}-${start}-${realm}`;
}

function ownerIn(text: string): Owner | undefined {
  const [, pid, start, realm] = /^(\d{1,10})-(\d{1,20})-([0-9a-f]{16})-/.exec(text) ?? [];
  return pid === undefined || start === undefined || realm === undefined
    ? undefined
    : { pid: Number(pid), start, realm };
}
