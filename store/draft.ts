import { randomUUID } from 'node:crypto';
import { writeSync } from 'node:fs';
import { type FileHandle, link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { storeErrorOf, storing, systemCodeOf } from './io-error.ts';
import { myself, type Owner } from './owner.ts';

/**
 * A file that becomes visible whole, or not at all: written under a name of its own, flushed to
 * the disk, renamed, and the folder flushed too.
 */
export interface Draft {
  /** Its own name, for calls that write the file themselves. */
  readonly path: string;
  /** Appends. @throws StoreError `STORE_FULL`, `STORE_UNUSABLE`. */
  write(bytes: Uint8Array): void;
  /** Puts it in place of `target`; the draft is spent. A file that is there already gives way. */
  commit(target: string): Promise<void>;
}

/**
 * Opens a draft in `folder` for `use`. One that was not committed by then is removed, whether
 * `use` returned, threw or was aborted.
 */
export async function withDraft<T>(folder: string, use: (draft: Draft) => Promise<T>): Promise<T> {
  const path = join(folder, draftNameOf(await myself()));
  const handle = await storing(path, () => open(path, 'wx', 0o644));
  try {
    return await use({
      path,
      write: (bytes) => {
        writeAt(handle, bytes, null, path);
      },
      commit: (target) => commitFile(handle, path, target),
    });
  } finally {
    await handle.close();
    await rm(path, { force: true });
  }
}

/** A name no other draft has; it tells whose the draft is, so that those of the dead can go. */
function draftNameOf({ pid, start, realm }: Owner): string {
  return [pid, start, realm, randomUUID()].join('_');
}

/** The process that writes the draft of this name; undefined when it is no draft's. */
export function draftOwnerOf(name: string): Owner | undefined {
  const [, pid, start = '', realm = ''] = /^(\d+)_(\d+)_([0-9a-f]{16})_/.exec(name) ?? [];
  return pid === undefined ? undefined : { pid: Number(pid), start, realm };
}

/** Puts the open file `path` in place of `target`, durably. */
export function commitFile(handle: FileHandle, path: string, target: string): Promise<void> {
  return storing(target, async () => {
    await handle.sync();
    await makeFolder(dirname(target));
    await rename(path, target);
    await flushFolder(dirname(target));
  });
}

/** A draft of bytes held in memory, committed. */
export async function writeFileWhole(
  folder: string,
  target: string,
  bytes: Uint8Array,
): Promise<void> {
  await withDraft(folder, async (draft) => {
    draft.write(bytes);
    await draft.commit(target);
  });
}

/** Gives a committed file a second name. One that is there already stays. */
export async function linkFile(from: string, target: string): Promise<void> {
  await makeFolder(dirname(target));
  try {
    await link(from, target);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) {
      throw error;
    }
  }
  await flushFolder(dirname(target));
}

/**
 * Makes a folder and those above it, durably. Not by `recursive`: Node tries for ever where the
 * system answers ENOENT whatever is above, as below /proc.
 */
export async function makeFolder(path: string): Promise<void> {
  if (await makeOne(path)) return;
  await makeFolder(dirname(path));
  await mkdir(path).catch(acceptFolder);
  await flushFolder(dirname(path));
}

/** False when the folder above is missing. */
async function makeOne(path: string): Promise<boolean> {
  try {
    await mkdir(path);
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT' && dirname(path) !== path) return false;
    acceptFolder(error);
    return true;
  }
  await flushFolder(dirname(path));
  return true;
}

function acceptFolder(error: unknown): void {
  if (systemCodeOf(error) !== 'EEXIST') throw error;
}

/** A rename is durable once the folder is. */
async function flushFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Synchronous: into the page cache it costs a fraction of what a promise does. `position` null
 * appends.
 */
export function writeAt(
  { fd }: FileHandle,
  bytes: Uint8Array,
  position: number | null,
  path: string,
): void {
  try {
    for (let at = 0; at < bytes.length; ) {
      at += writeSync(fd, bytes, at, bytes.length - at, position === null ? null : position + at);
    }
  } catch (error) {
    throw storeErrorOf(error, path);
  }
}
