import { basename, dirname, join, relative } from 'node:path';
import { makeFolder } from '../files/draft.ts';
import type { FileStat, Files } from '../files/files.ts';
import { withLock } from '../leases/lock.ts';
import type { StoreParts } from '../parts.ts';

/**
 * Moves a damaged file to `quarantine/`, where nothing finds it by its digest and nothing is lost.
 * `seen` is the file that was found damaged: one that came in its place meanwhile stays. Returns
 * the path it has now, from the root of the store on; undefined when it was no longer there.
 * @throws StoreError `STORE_UNUSABLE`, `STORE_FULL`.
 */
export async function quarantine(
  parts: StoreParts,
  path: string,
  seen: FileStat,
): Promise<string | undefined> {
  await parts.prepare();
  return withLock(parts.files, parts.layout.gate, () => quarantineAtGate(parts, path, seen));
}

/** The same for who has the gate: names in `quarantine/` are taken only by him, and none twice. */
export async function quarantineAtGate(
  { files, layout, onEvent }: StoreParts,
  path: string,
  seen: FileStat,
): Promise<string | undefined> {
  await makeFolder(files, layout.quarantine);
  if (!isSame(files.stat(path), seen)) return undefined;
  const to = freeName(files, join(layout.quarantine, nameOf(relative(layout.root, path))));
  files.rename(path, to);
  if (!isSame(files.stat(to), seen)) {
    // A writer, who needs no gate, put a sound file there between the look and the move.
    files.rename(to, path);
    return undefined;
  }
  // From now on it lies here: gc removes what has done so for long.
  files.touch(to);
  await files.flushFolder(layout.quarantine);
  await files.flushFolder(dirname(path));
  const moved = { from: relative(layout.root, path), to: relative(layout.root, to) };
  onEvent({ event: 'quarantined', ...moved });
  return moved.to;
}

/** Files of a store are replaced, never changed in place: which one it is tells its bytes too. */
function isSame(found: FileStat | undefined, seen: FileStat): boolean {
  return found?.inode === seen.inode && found.size === seen.size;
}

/** `blobs/sha256/HEX` → `blob-HEX`, `layers/v2/sha256/HEX/tar` → `layer-HEX-tar`. */
function nameOf(path: string): string {
  const [folder] = path.split('/');
  const name = basename(path);
  if (folder === 'blobs') return `blob-${name}`;
  if (folder === 'layers') return `layer-${basename(dirname(path))}-${name}`;
  return name;
}

function freeName(files: Files, path: string): string {
  let name = path;
  for (let count = 2; files.stat(name) !== undefined; count += 1) name = `${path}.${count}`;
  return name;
}
