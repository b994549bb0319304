import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { StoreError } from '../error.ts';
import type { Files, OpenFile } from './files.ts';
import { myself, type Owner } from './owner.ts';

/**
 * A file that becomes visible whole, or not at all: written under a name of its own, flushed to
 * the disk, renamed, and the folder flushed too.
 */
export interface Draft {
  /** Where it is until it is committed. */
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
export async function withDraft<T>(
  files: Files,
  folder: string,
  use: (draft: Draft) => Promise<T>,
): Promise<T> {
  const file = files.create(join(folder, draftNameOf(await myself())));
  let size = 0;
  let committed = false;
  try {
    return await use({
      path: file.path,
      write(bytes) {
        file.write(bytes, size);
        size += bytes.length;
      },
      async commit(target) {
        if (!(await commitFile(files, file, target))) throw vanished(file.path);
        committed = true;
      },
    });
  } finally {
    file.close();
    if (!committed) discard(files, file.path);
  }
}

/** What cannot be removed now is swept up later; why the work failed is more to the point. */
function discard(files: Files, path: string): void {
  try {
    files.remove(path);
  } catch {}
}

/** A name no other draft has; it tells whose the draft is, so that those of the dead can go. */
export function draftNameOf({ pid, start, realm }: Owner): string {
  return [pid, start, realm, randomUUID()].join('_');
}

/** The process that writes the draft of this name; undefined when it is no draft's. */
export function draftOwnerOf(name: string): Owner | undefined {
  const [, pid, start = '', realm = ''] = /^(\d+)_(\d+)_([0-9a-f]{16})_/.exec(name) ?? [];
  return pid === undefined ? undefined : { pid: Number(pid), start, realm };
}

/** Puts the open file in place of `target`, durably. False where the file has lost its name. */
export async function commitFile(files: Files, file: OpenFile, target: string): Promise<boolean> {
  await file.flush();
  await makeFolder(files, dirname(target));
  const isRenamed = files.rename(file.path, target);
  await files.flushFolder(dirname(target));
  return isRenamed;
}

export function vanished(path: string): StoreError {
  return new StoreError(
    'STORE_UNUSABLE',
    `committing ${path}: found it gone, wanted the file that was just written`,
    { hint: 'see to it that nothing but osv-convert removes files of the store, and try again' },
  );
}

/** A draft of bytes held in memory, committed. */
export async function writeFileWhole(
  files: Files,
  folder: string,
  target: string,
  bytes: Uint8Array,
): Promise<void> {
  await withDraft(files, folder, async (draft) => {
    draft.write(bytes);
    await draft.commit(target);
  });
}

/**
 * Makes a folder and those above it, durably. Not by `recursive`: Node tries for ever where the
 * system answers ENOENT whatever is above, as below /proc.
 */
export async function makeFolder(files: Files, path: string): Promise<void> {
  let made = files.makeFolder(path);
  if (made === 'orphan') {
    if (dirname(path) !== path) await makeFolder(files, dirname(path));
    made = files.makeFolder(path);
  }
  if (made === 'made') await files.flushFolder(dirname(path));
}
