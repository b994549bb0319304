import { readFileSync } from 'node:fs';
import type { Store } from '../store/index.ts';
import type { BuildRecord, BuildRecords } from './build-records.ts';
import { builtOnce, type Made } from './built-once.ts';
import type { ConvertOptions } from './convert.ts';
import { parseDiskOutput } from './disk-target.ts';
import { hearWarnings } from './heard-warnings.ts';
import { copyOutput, liesAt, recordOutput } from './recorded-output.ts';
import type { Report } from './report.ts';

/** What became of a disk that was asked for. */
export interface CachedBuild {
  readonly report: Report;
  /** `current`: it lay there already, and nothing was written. */
  readonly how: 'built' | 'current' | 'copied';
}

/** Disks of the same that are remembered. */
const maxOutputs = 16;

/**
 * Does what `convert` does, unless the same was built before: where that lies untouched at `output`, nothing is
 * done; where it lies untouched elsewhere, it is copied. It is untouched as long as its stamps hold (`FileStamp`):
 * an edit of the disk, or of what lies beside it, makes it another. A disk in the store is built each time.
 * @throws as `convert`.
 */
export async function cachedBuild(
  store: Store,
  reference: string,
  output: string,
  records: BuildRecords | undefined,
  options: ConvertOptions,
): Promise<CachedBuild> {
  const { boot, compression, onEvent } = options;
  const target = parseDiskOutput(output, options.format);
  if (target.format === 'containerdisk') {
    const { convert } = await import('./convert.ts');
    return { report: await convert(store, reference, output, options), how: 'built' };
  }
  const { format, path } = target;
  const wishes = { ...options, format, reference, purpose: 'file' } as const;
  return await builtOnce<CachedBuild>(store, wishes, records, {
    async refuse() {
      const { refuseOutput } = await import('./disk-output.ts');
      refuseOutput(target, boot, compression);
      const { requireKernel } = await import('./kernel-choice.ts');
      await requireKernel(store, { ...options, ...(boot === 'bios' && { form: 'loader' }) });
    },

    async build(wishes) {
      const { withDraft } = await import('./convert.ts');
      const { withHealing } = await import('./pull/heal.ts');
      return await withHealing(store, wishes, async (): Promise<Made<CachedBuild>> => {
        const heard = hearWarnings(onEvent);
        const work = { ...wishes, format, onEvent: heard.onEvent };
        const { report, files, isStamped } = await withDraft(
          store,
          reference,
          work,
          async (draft) => ({ isStamped: draft.isStamped, ...(await draft.write(target)) }),
        );
        const made = isStamped ? await recordOutput(path, files) : undefined;
        const record = made && { warnings: heard.warnings, outputs: [made] };
        return { result: { report, how: 'built' }, record };
      });
    },

    async reuse(record, key) {
      const found = await reused(path, record, async (changed) => records?.keep(key, changed));
      if (found === undefined) return undefined;
      const { from, ...reply } = found;
      for (const text of record.warnings) onEvent?.({ event: 'warning', text });
      if (from !== undefined) onEvent?.({ event: 'stage', text: `copied ${from}, built before` });
      return reply;
    },
  });
}

/** `from` is the disk that was copied. */
async function reused(
  path: string,
  record: BuildRecord,
  keep: (changed: BuildRecord) => Promise<void>,
): Promise<(CachedBuild & { readonly from?: string }) | undefined> {
  const { outputs = [] } = record;
  if (outputs.some((one) => liesAt(path, one))) return replyOf(path, 'current');
  for (const output of outputs) {
    const copy = await copyOutput(output, path);
    if (copy === undefined) continue;
    const { recorded } = copy;
    if (recorded !== undefined) {
      const others = outputs.filter((one) => one.path !== recorded.path);
      await keep({ ...record, outputs: [recorded, ...others].slice(0, maxOutputs) });
    }
    const reply = replyOf(path, 'copied');
    return reply && { ...reply, from: output.path };
  }
  return undefined;
}

/** Undefined where another process takes the report away meanwhile. */
function replyOf(path: string, how: CachedBuild['how']): CachedBuild | undefined {
  try {
    return { report: JSON.parse(readFileSync(`${path}.json`, 'utf8')), how };
  } catch {
    return undefined;
  }
}
