import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Every file below a folder by its path, with the digest of its bytes. */
export function filesOf(folder: string): Readonly<Record<string, string>> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [
        path.slice(folder.length),
        createHash('sha256').update(readFileSync(path)).digest('hex'),
      ]),
  );
}

/** Bytes of the blobs in a store, whole or in part. */
export function bytesIn(store: string): number {
  const sizes = ['blobs/sha256', 'ingest/partial/sha256'].flatMap((part) => {
    const path = join(store, part);
    const names = existsSync(path) ? readdirSync(path) : [];
    return names.map((name) => statSync(join(path, name), { throwIfNoEntry: false })?.size ?? 0);
  });
  return sizes.reduce((total, size) => total + size, 0);
}
