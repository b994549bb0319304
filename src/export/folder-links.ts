import type { Buffer } from 'node:buffer';
import { closeSync, linkSync, mkdirSync, openSync, rmdirSync, unlinkSync } from 'node:fs';
import type { DirectoryNode, Node } from '../tree/tree.ts';
import { openFolderFlags, pathIn } from './folder-cursor.ts';

/**
 * Second names of files. A file that is to have more has one in a folder of this kind till it has them
 * all: so no name needs a way back through the tree to the first.
 */
export interface LinkPool {
  /** Makes `name` one more name of `node`; false when `node` has none yet. */
  link(node: Node, name: Buffer): boolean;
  /** Says that `name` is the first name of `node`. */
  add(node: Node, name: Buffer): void;
  /** Removes the folder, which is empty when all names are made. */
  remove(): void;
  close(): void;
}

interface Pooled {
  readonly name: string;
  left: number;
}

/** `names` says of how many names a node is to have; the pool lies in the open folder `fd`, that of `root`. */
export function openLinkPool(
  fd: number,
  root: DirectoryNode,
  names: ReadonlyMap<Node, number>,
): LinkPool {
  const pooled = new Map<Node, Pooled>();
  const path = pathIn(fd, freeName(root));
  let made = 0;
  let pool: number | undefined;

  const at = (name: string): Buffer => {
    if (pool === undefined) {
      mkdirSync(path, 0o700);
      pool = openSync(path, openFolderFlags);
    }
    return pathIn(pool, name);
  };

  return {
    link(node, name) {
      const known = pooled.get(node);
      if (!known) return false;
      linkSync(at(known.name), name);
      known.left -= 1;
      if (known.left === 0) unlinkSync(at(known.name));
      return true;
    },

    add(node, name) {
      const count = names.get(node);
      if (count === undefined) return;
      made += 1;
      const known = { name: String(made), left: count - 1 };
      linkSync(name, at(known.name));
      pooled.set(node, known);
    },

    remove() {
      if (pool !== undefined) rmdirSync(path);
    },

    close() {
      if (pool !== undefined) closeSync(pool);
    },
  };
}

function freeName({ entries }: DirectoryNode): string {
  for (let number = 0; ; number += 1) {
    const name = `.osv-convert-links-${number}`;
    if (!entries.has(name)) return name;
  }
}
