import { closeSync, fchmodSync, futimesSync } from 'node:fs';
import type { DirectoryNode, Node } from '../tree/tree.ts';
import { type Attribute, attributeDump } from './folder-attributes.ts';
import { chmodUnfollowed, pathIn } from './folder-cursor.ts';
import type { Losses } from './folder-losses.ts';
import { folderInDump, maxFolders, setAttributes } from './set-attributes.ts';

/** A file, or with the name `.` the folder itself, that is to have extended attributes. */
export interface Attributed {
  readonly name: string;
  readonly node: Node;
  readonly attributes: readonly Attribute[];
}

/**
 * Gives folders what they can only have when all in them is written: modes that forbid to write, times
 * that every write changes, and extended attributes, many of them at a time.
 */
export interface Settler {
  /** Takes over `fd`, a folder that is complete but for `attributed`. */
  settle(fd: number, folder: DirectoryNode, attributed: readonly Attributed[]): void;
  /** Settles what waits for others. */
  flush(): void;
  /** Gives up what waits. */
  close(): void;
}

interface Waiting {
  readonly fd: number;
  readonly folder: DirectoryNode;
  readonly attributed: readonly Attributed[];
}

/** Bytes of a dump before it is set: names and values are hostile, and there may be a million. */
const dumpCap = 4 << 20;

export function createSettler(losses: Losses): Settler {
  let waiting: Waiting[] = [];
  let dump = '';
  let count = 0;

  function setDumped(): void {
    if (count === 0) return;
    const folders = waiting.map(({ fd }) => fd);
    losses.set(setAttributes(folders, dump), count);
    dump = '';
    count = 0;
  }

  function flush(): void {
    setDumped();
    for (let one = waiting.shift(); one; one = waiting.shift()) finish(one);
  }

  return {
    settle(fd, folder, attributed) {
      if (attributed.length === 0) {
        finish({ fd, folder, attributed });
        return;
      }
      const place = folderInDump(waiting.length);
      waiting.push({ fd, folder, attributed });
      for (const { name, attributes } of attributed) {
        dump += attributeDump(`${place}/${name}`, attributes);
        count += attributes.length;
        if (dump.length > dumpCap) setDumped();
      }
      if (waiting.length === maxFolders) flush();
    },

    flush,

    close() {
      for (const { fd } of waiting) closeSync(fd);
      waiting = [];
    },
  };
}

/** Only who may write to a file may set its attributes: till then it is its owner's alone. */
export function isModeLate({ mode }: Node, attributes: readonly Attribute[]): boolean {
  return attributes.length > 0 && (mode & 0o200) === 0;
}

function finish({ fd, folder, attributed }: Waiting): void {
  try {
    for (const { name, node, attributes } of attributed) {
      if (name !== '.' && isModeLate(node, attributes)) {
        chmodUnfollowed(pathIn(fd, name), node.mode);
      }
    }
    fchmodSync(fd, folder.mode);
    futimesSync(fd, timeOf(folder), timeOf(folder));
  } finally {
    closeSync(fd);
  }
}

/** Node takes a number below zero for the present; as text it is what it says. */
export function timeOf({ mtime }: Node): number | string {
  return mtime < 0 ? String(mtime) : mtime;
}
