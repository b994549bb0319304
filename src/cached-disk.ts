import { readFile } from 'node:fs/promises';
import type { Store } from '../store/index.ts';
import { type ConvertOptions, withDraft } from './convert.ts';
import type { DiskCache } from './disk/disk-cache.ts';
import { diskKey } from './disk-key.ts';
import { withHealing } from './pull/heal.ts';
import type { Report } from './report.ts';

export interface CachedDiskOptions extends Omit<ConvertOptions, 'format' | 'force'> {
  /** Version of the tool: another one may write a disk otherwise. */
  readonly tool: string;
  /** Bytes that the disks may take. */
  readonly limit: number;
}

/**
 * The path of a raw disk of `reference`: one that was built before from the same, else a new one. Image,
 * runtime and additions are looked at each time, since a name, a host or a folder may mean something else by
 * now; what is saved is checking the app and writing the disk. Two that build the same disk at once both
 * write it, and either is whole.
 * @throws ConvertError as `convert`; StoreError.
 */
export async function cachedDisk(
  store: Store,
  reference: string,
  cache: DiskCache,
  options: CachedDiskOptions,
): Promise<string> {
  const { onEvent, tool, limit } = options;
  return await withHealing(store, options, () =>
    withDraft(store, reference, { ...options, format: 'raw' }, async (draft) => {
      const key = diskKey(draft, tool);
      const known = cache.find(key);
      if (known !== undefined) {
        const { warnings }: Report = JSON.parse(await readFile(`${known}.json`, 'utf8'));
        for (const text of warnings) onEvent?.({ event: 'warning', text });
        onEvent?.({ event: 'stage', text: `using the disk built before (${key.slice(0, 12)})` });
        return known;
      }
      const path = cache.pathOf(key);
      await draft.write({ format: 'raw', path });
      await cache.seal(key);
      cache.shrink(limit);
      return path;
    }),
  );
}
