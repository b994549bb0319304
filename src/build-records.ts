import { createHmac, randomBytes } from 'node:crypto';
import {
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { removeDrafts } from './disk/drafts.ts';
import { openOutputFile } from './disk/output-file.ts';
import { openOwnFolder } from './disk/own-folder.ts';
import type { RecordedOutput } from './recorded-output.ts';

/** What was made of some inputs, and what was said when it was. */
export interface BuildRecord {
  /** Warnings that the inputs give whenever something is made of them. */
  readonly warnings: readonly string[];
  /** Key of a disk in the cache of disks. */
  readonly disk?: string;
  /** Disks in files, the latest first. */
  readonly outputs?: readonly RecordedOutput[];
}

/** Records in a folder, by a key of all that went into what they tell of: `KEY.record`. */
export interface BuildRecords {
  readonly folder: string;
  /**
   * The key of inputs, in hexadecimal. The inputs cannot be read from it, nor guessed and tried by who has not the
   * secret in the folder: variables of guests are among them.
   */
  keyOf(inputs: string): string;
  /** Undefined also for one that is damaged, or was not written here. */
  find(key: string): BuildRecord | undefined;
  /**
   * Takes the place of an earlier one of that key; those used longest ago go where they become too many. Does
   * nothing where there is no room for it, or no right.
   */
  keep(key: string, record: BuildRecord): Promise<void>;
  /** The one used last first. */
  list(): readonly ListedRecord[];
  /** Removes all, and the secret; how many there were. */
  clear(): number;
}

export interface ListedRecord extends BuildRecord {
  readonly key: string;
  /** In milliseconds since 1970. */
  readonly used: number;
}

const ending = '.record';
/** A record has some 500 bytes. */
const recordCap = 1 << 20;
const usualLimit = 1000;
const secretSize = 32;

/** Who knows the secret can pass a disk of theirs off as ours. */
const ownFolder = {
  name: 'the records of builds',
  kept: /^(?:[0-9a-f]{64}\.record|secret|\.osv-convert-secret-\d+\.part)$/,
};

/**
 * Undefined where the folder cannot be used, as `openOwnFolder` says, or its secret cannot be read: builds go on
 * without.
 * @param limit how many are kept.
 */
export async function openBuildRecords(
  folder: string,
  limit = usualLimit,
): Promise<BuildRecords | undefined> {
  try {
    await openOwnFolder({ path: folder, ...ownFolder });
    return recordsIn(folder, secretOf(folder), limit);
  } catch {
    return undefined;
  }
}

function recordsIn(folder: string, secret: Uint8Array, limit: number): BuildRecords {
  const pathOf = (key: string): string => join(folder, key + ending);
  const sign = (text: string): string => createHmac('sha256', secret).update(text).digest('hex');
  const sealOf = (key: string, body: string): string => sign(`record\n${key}\n${body}`);

  function read(key: string): BuildRecord | undefined {
    try {
      const path = pathOf(key);
      if (statSync(path).size > recordCap) return undefined;
      const [seal, body = ''] = readFileSync(path, 'utf8').split('\n', 2);
      return seal === sealOf(key, body) ? (JSON.parse(body) as BuildRecord) : undefined;
    } catch {
      return undefined;
    }
  }

  async function write(path: string, key: string, record: BuildRecord): Promise<void> {
    const body = JSON.stringify(record);
    const file = openOutputFile(path);
    try {
      file.write(Buffer.from(`${sealOf(key, body)}\n${body}\n`), 0);
      await file.commit();
    } finally {
      file.discard();
    }
  }

  function listKeys(): readonly { readonly key: string; readonly used: number }[] {
    return readdirSync(folder)
      .flatMap((name) => /^([0-9a-f]{64})\.record$/.exec(name)?.[1] ?? [])
      .flatMap((key) => {
        const found = statSync(pathOf(key), { throwIfNoEntry: false });
        return found === undefined ? [] : [{ key, used: found.mtimeMs }];
      })
      .sort((a, b) => b.used - a.used);
  }

  return {
    folder,
    keyOf: (inputs) => sign(`inputs\n${inputs}`),

    find(key) {
      const record = read(key);
      if (record !== undefined) touch(pathOf(key));
      return record;
    },

    async keep(key, record) {
      try {
        await write(pathOf(key), key, record);
        removeDrafts(folder);
        for (const { key } of listKeys().slice(limit)) rmSync(pathOf(key), { force: true });
      } catch {
        // What was built is there all the same, and is built once more.
      }
    },

    list: () =>
      listKeys().flatMap((listed) => {
        const record = read(listed.key);
        return record === undefined ? [] : [{ ...listed, ...record }];
      }),

    clear() {
      const keys = listKeys();
      for (const { key } of keys) rmSync(pathOf(key), { force: true });
      rmSync(secretPath(folder), { force: true });
      return keys.length;
    },
  };
}

function touch(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // On a file system that is read-only it counts as used earlier.
  }
}

function secretPath(folder: string): string {
  return join(folder, 'secret');
}

/** A damaged one is replaced, and what it sealed is forgotten; of two that are made at once, the later counts. */
function secretOf(folder: string): Uint8Array {
  const path = secretPath(folder);
  const known = readSecret(path);
  if (known !== undefined) return known;
  const draft = join(folder, `.osv-convert-secret-${process.pid}.part`);
  writeFileSync(draft, randomBytes(secretSize), { mode: 0o600 });
  renameSync(draft, path);
  return readFileSync(path);
}

function readSecret(path: string): Uint8Array | undefined {
  try {
    const bytes = readFileSync(path);
    return bytes.length === secretSize ? bytes : undefined;
  } catch {
    return undefined;
  }
}
