import { openDisk } from './disk/open-disk.ts';
import type { OnEvent } from './event.ts';
import { withAttributes } from './export/attributes.ts';
import { type WrittenFolder, writeFolder } from './export/folder.ts';
import { requirePath } from './look/found.ts';
import { readRofs } from './rofs/read.ts';
import { openContents } from './tree/contents.ts';
import { type Edit, editTree } from './tree/edit.ts';
import { directory } from './tree/nodes.ts';
import type { Tree } from './tree/tree.ts';

export interface ExtractOptions {
  readonly onEvent?: OnEvent;
  readonly signal?: AbortSignal;
}

export interface Extracted extends WrittenFolder {
  readonly name: string;
  readonly output: string;
  /** Where the paths lead to on the disk: each stands below `output` likewise. */
  readonly paths: readonly string[];
}

/**
 * Writes files and folders of the disk at `path` into the new or empty folder `output`, each at its own
 * place below it. Links in the parents of a path are followed, one at its end is itself extracted. ROFS has no
 * modes: all is written readable and writable by its owner.
 * @throws ConvertError `PATH_NOT_FOUND`, and what `openDisk`, `readRofs` and `writeFolder` throw.
 */
export async function extract(
  path: string,
  wanted: readonly string[],
  output: string,
  { onEvent, signal }: ExtractOptions = {},
): Promise<Extracted> {
  const disk = await openDisk(path);
  try {
    const whole = readRofs(disk.rofs);
    const view = { name: path, subject: path, tree: whole };
    const found = wanted.map((one) => requirePath(view, one, { follow: false }));
    const edits = found.map(({ path, node }): Edit => ({ op: 'set', path, node }));
    const root = found.find((one) => one.path === '/');
    const tree = root ? whole : editTree(emptyTree, edits);
    const written = await writeFolder(ownable(tree), output, {
      contents: openContents(new Map()),
      ...(signal && { signal }),
      onProgress: (progress) => onEvent?.({ event: 'write', path: output, ...progress }),
      onWarning: (text) => onEvent?.({ event: 'warning', text }),
    });
    return { name: path, output, paths: found.map((one) => one.path), ...written };
  } finally {
    disk.close();
  }
}

const emptyTree: Tree = { root: directory() };

/** The one mode that ROFS has forbids owners of a folder to remove it. */
function ownable(tree: Tree): Tree {
  return withAttributes(tree, ({ kind, mode }) => ({
    mode: kind === 'symlink' ? 0o777 : mode | 0o200,
  }));
}
