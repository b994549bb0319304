import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, type Stats, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { frameOf } from './disk-frame.ts';
import { removeDrafts } from './drafts.ts';
import { openOutputFile } from './output-file.ts';
import { openOwnFolder } from './own-folder.ts';

/** Raw disks in a folder, by a key of all that went into them: `KEY.raw`, `KEY.raw.json`, `KEY.seal`. */
export interface DiskCache {
  readonly folder: string;
  /** Where the disk of a key lies, or is to be written, its report beside it. */
  pathOf(key: string): string;
  /**
   * The path of a disk that is there and as it was sealed. The kernel on it, the table of its files and its
   * report are read again; the contents of its files are not. Tells that the disk is used now.
   */
  find(key: string): string | undefined;
  /** Makes the disk at `pathOf(key)` one that is found. */
  seal(key: string): Promise<void>;
  /** The one used last first. */
  list(): readonly CachedDisk[];
  /**
   * Removes disks, least recently used first, until all take at most `limit` bytes, and half-written ones.
   * Those used less than `spared` milliseconds ago stay: a machine may be about to open one. Whoever has
   * one open keeps it.
   */
  shrink(limit: number, spared?: number): Removed;
}

export interface CachedDisk {
  readonly key: string;
  /** In bytes, with its report. */
  readonly size: number;
  /** In milliseconds since 1970. */
  readonly used: number;
}

export interface Removed {
  readonly disks: number;
  readonly bytes: number;
}

/** Last written, so that it is there only where disk and report are. */
interface Seal {
  readonly frame: string;
  readonly report: string;
}

const usuallySpared = 10 * 60_000;

const suffixes = ['.seal', '.raw.json', '.raw'] as const;

/** Disks hold the variables of their guests, and of the contents of their files no seal tells. */
const ownFolder = {
  name: 'the cache of disks',
  kept: /^[0-9a-f]{64}\.(?:raw|raw\.json|seal)$/,
  isWritten: true,
};

/** @throws ConvertError `OUTPUT_UNUSABLE` where the folder cannot be used, as `openOwnFolder` says. */
export async function openDiskCache(folder: string): Promise<DiskCache> {
  await openOwnFolder({ path: folder, ...ownFolder });
  const pathOf = (key: string): string => join(folder, `${key}.raw`);
  const sealOf = (key: string): string => join(folder, `${key}.seal`);
  const sealFor = (key: string): Seal => ({
    frame: digestOf(frameOf(pathOf(key))),
    report: digestOf([readFileSync(`${pathOf(key)}.json`)]),
  });
  const remove = (key: string): void => {
    for (const suffix of suffixes) rmSync(join(folder, key + suffix), { force: true });
  };
  const list = (): readonly CachedDisk[] => {
    const found = new Map<string, CachedDisk>();
    for (const name of readdirSync(folder)) {
      const [, key] = /^([0-9a-f]{64})\.(?:raw|raw\.json|seal)$/.exec(name) ?? [];
      const stat = key === undefined ? undefined : statOf(join(folder, name));
      if (key === undefined || stat === undefined) continue;
      const { size, used } = found.get(key) ?? { size: 0, used: 0 };
      found.set(key, { key, size: size + stat.size, used: Math.max(used, stat.mtimeMs) });
    }
    return [...found.values()].sort((a, b) => b.used - a.used);
  };

  return {
    folder,
    pathOf,
    list,

    find(key) {
      try {
        const sealed = readFileSync(sealOf(key), 'utf8');
        const now = new Date();
        utimesSync(sealOf(key), now, now);
        return sealed === textOf(sealFor(key)) ? pathOf(key) : undefined;
      } catch {
        return undefined;
      }
    },

    async seal(key) {
      const file = openOutputFile(sealOf(key));
      try {
        file.write(Buffer.from(textOf(sealFor(key))), 0);
        await file.commit();
      } finally {
        file.discard();
      }
    },

    shrink(limit, spared = usuallySpared) {
      removeDrafts(folder);
      const disks = list();
      const removed: CachedDisk[] = [];
      let left = disks.reduce((sum, { size }) => sum + size, 0);
      for (const disk of disks.toReversed()) {
        if (left <= limit || Date.now() - disk.used < spared) break;
        remove(disk.key);
        removed.push(disk);
        left -= disk.size;
      }
      return { disks: removed.length, bytes: removed.reduce((sum, { size }) => sum + size, 0) };
    },
  };
}

function textOf(seal: Seal): string {
  return `${JSON.stringify(seal)}\n`;
}

function digestOf(pieces: Iterable<Uint8Array>): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}

/** Another process may have removed it. */
function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}
