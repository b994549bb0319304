import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { unlessMissing } from './record.ts';

/** What came before what is in `path`. */
export function olderOf(path: string): string {
  return `${path}.1`;
}

/** A console as it was just now: the older file and the newest, read as one. */
export interface ConsoleView {
  /** Bytes of both. */
  readonly size: number;
  /** As many bytes as are there, of at most `length`. */
  read(offset: number, length: number): Promise<Buffer>;
  /** Where what follows after `mark` begins: what is still there, when it is no longer known. */
  offsetOf(mark: Mark): number;
  /** The end of it. */
  readonly end: Mark;
}

/** A place in a console, that goes on to mean the same bytes when its files are moved. */
export interface Mark {
  /** Of the file; 0 for none. Another file cannot have it while this one is open. */
  readonly inode: bigint;
  readonly offset: number;
}

/** The files of a console. Those that a view has are held until the next, so that marks keep their meaning. */
export interface ConsoleFiles {
  look(): Promise<ConsoleView>;
  close(): Promise<void>;
}

interface HeldFile {
  readonly handle: FileHandle;
  readonly inode: bigint;
  readonly size: number;
}

/** Of the console or the talk of a machine, by the name of the newest file. */
export function openConsole(folder: string, name: string): ConsoleFiles {
  const path = join(folder, name);
  let held: readonly HeldFile[] = [];
  const release = async (): Promise<void> => {
    await Promise.all(held.map(({ handle }) => handle.close()));
    held = [];
  };
  return {
    async look() {
      const found = await holdBoth(path);
      await release();
      held = found;
      return viewOf(found);
    },
    close: release,
  };
}

/** The newest first: when it is moved meanwhile, it is found a second time, and nothing is missed. */
async function holdBoth(path: string): Promise<readonly HeldFile[]> {
  const newest = await hold(path);
  const older = await hold(olderOf(path));
  if (newest !== undefined && newest.inode === older?.inode) {
    await newest.handle.close();
    return [older];
  }
  return [older, newest].filter((file) => file !== undefined);
}

async function hold(path: string): Promise<HeldFile | undefined> {
  const handle = await open(path, 'r').catch(unlessMissing);
  if (handle === undefined) return undefined;
  try {
    const { ino, size } = await handle.stat({ bigint: true });
    return { handle, inode: ino, size: Number(size) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function viewOf(files: readonly HeldFile[]): ConsoleView {
  const starts = files.map((_, at) => files.slice(0, at).reduce((sum, { size }) => sum + size, 0));
  const last = files.at(-1);
  return {
    size: files.reduce((sum, { size }) => sum + size, 0),
    async read(offset, length) {
      const pieces = files.map(async ({ handle, size }, at) => {
        const from = Math.max(0, offset - (starts[at] ?? 0));
        const count = Math.min(size, offset - (starts[at] ?? 0) + length) - from;
        if (count <= 0) return Buffer.of();
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(count), 0, count, from);
        return buffer.subarray(0, bytesRead);
      });
      return Buffer.concat(await Promise.all(pieces));
    },
    offsetOf({ inode, offset }) {
      const at = files.findIndex((file) => file.inode === inode);
      return at === -1 ? 0 : (starts[at] ?? 0) + offset;
    },
    end: { inode: last?.inode ?? 0n, offset: last?.size ?? 0 },
  };
}
