import { readFile } from 'node:fs/promises';
import type { Store } from '../store/index.ts';
import type { BuildWishes } from './build-key.ts';
import type { BuildRecords } from './build-records.ts';
import { builtOnce } from './built-once.ts';
import type { ConvertOptions } from './convert.ts';
import type { DiskCache } from './disk/disk-cache.ts';
import { diskKey } from './disk-key.ts';
import { hearWarnings } from './heard-warnings.ts';
import type { Report } from './report.ts';

export type CachedDiskOptions = Omit<ConvertOptions, 'format' | 'force' | 'compression'>;

/** Where disks are kept, and found again. */
export interface KeptDisks {
  readonly cache: DiskCache;
  /** Undefined where nothing can be recorded: then images are looked into each time. */
  readonly records: BuildRecords | undefined;
  /** Bytes that the disks may take. */
  readonly limit: number;
  /** Version of the tool: another one may write a disk otherwise. */
  readonly tool: string;
}

/** A disk in the cache, with all that was warned of when it was planned and checked. */
interface KeptDisk {
  readonly key: string;
  readonly path: string;
  readonly warnings: readonly string[];
  readonly isStamped: boolean;
}

/**
 * The path of a raw disk of `reference`: one that was built before of the same, else a new one. What it is built of
 * is compared as it is known before anything is read (`buildInputs`), and where that differs, as it stands when all
 * is decided (`diskKey`). Two that build the same disk at once both write it, and either is whole.
 * @throws ConvertError as `convert`; StoreError.
 */
export async function cachedDisk(
  store: Store,
  reference: string,
  kept: KeptDisks,
  options: CachedDiskOptions,
): Promise<string> {
  const { onEvent } = options;
  const wishes = { ...options, format: 'raw', reference, purpose: 'cache' } as const;
  const tellReuse = (key: string): void =>
    onEvent?.({ event: 'stage', text: `using the disk built before (${key.slice(0, 12)})` });

  const { path } = await builtOnce<Pick<KeptDisk, 'path'>>(store, wishes, kept.records, {
    async refuse() {
      const { requireKernel } = await import('./kernel-choice.ts');
      await requireKernel(store, options);
    },

    async reuse({ disk = '', warnings }) {
      const path = kept.cache.find(disk);
      if (path === undefined) return undefined;
      for (const text of warnings) onEvent?.({ event: 'warning', text });
      tellReuse(disk);
      return { path };
    },

    async build(wishes) {
      const { withHealing } = await import('./pull/heal.ts');
      const disk = await withHealing(store, wishes, () =>
        plannedDisk(store, wishes, kept, tellReuse),
      );
      const record = { disk: disk.key, warnings: disk.warnings };
      return { result: disk, record: disk.isStamped ? record : undefined };
    },
  });
  return path;
}

async function plannedDisk(
  store: Store,
  wishes: BuildWishes,
  { cache, tool, limit }: KeptDisks,
  tellReuse: (key: string) => void,
): Promise<KeptDisk> {
  const { withDraft } = await import('./convert.ts');
  const { warnings, onEvent } = hearWarnings(wishes.onEvent);
  const work = { ...wishes, format: 'raw', onEvent } as const;
  return await withDraft(store, wishes.reference, work, async (draft) => {
    const { isStamped } = draft;
    const key = diskKey(draft, tool);
    const known = cache.find(key);
    if (known !== undefined) {
      const report: Report = JSON.parse(await readFile(`${known}.json`, 'utf8'));
      for (const text of report.warnings) onEvent({ event: 'warning', text });
      tellReuse(key);
      return { key, path: known, warnings, isStamped };
    }
    const path = cache.pathOf(key);
    await draft.write({ format: 'raw', path });
    await cache.seal(key);
    cache.shrink(limit);
    return { key, path, warnings, isStamped };
  });
}
