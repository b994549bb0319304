import type { Command } from 'commander';
import type { Garbage, GarbageKind, GcReport } from '../../../store/index.ts';
import { collect } from '../env.ts';
import { formatBytes, formatTable, printable } from '../format.ts';
import { addGlobalOptions } from '../globals.ts';
import { parseAge, parseSize } from '../units.ts';
import { warnIfAbsent } from './absent.ts';

interface GcCommandOptions {
  readonly dryRun?: true;
  readonly olderThan?: number;
  readonly maxSize?: number;
  readonly keep?: readonly string[];
  readonly lock?: readonly string[];
}

/** A kernel that was built by hand comes from nowhere again. */
const keptAlways = ['kernel/*'];

/** All other artifacts can be had again: runtimes are packed anew, the rest is pulled. */
const evictable = ['*'];

export function addStoreGc(store: Command): void {
  const command = store
    .command('gc')
    .summary('remove what nothing needs')
    .description(
      'Removes blobs and layers that no name leads to and nothing uses, and what interrupted work ' +
        'left behind. It is safe beside running pulls, builds and machines: what they use stays. ' +
        'With --older-than or --max-size names go too, but never those of kernels (kernel/*), nor ' +
        'what a lock file names: those given, and osv-convert.lock in this folder.',
    )
    .option('--dry-run', 'remove nothing, tell what would be removed')
    .option(
      '--older-than <age>',
      'remove names not used for so long, such as 30d or 12h',
      parseAge('--older-than'),
    )
    .option(
      '--max-size <size>',
      'remove names, least recently used first, until the store is no larger, such as 20G or 512MiB',
      parseSize('--max-size'),
    )
    .option('--keep <name>', 'name that stays, * for any characters (repeatable)', collect)
    .option('--lock <file>', 'lock file whose images stay (repeatable)', collect)
    .addHelpText('after', examples);
  addGlobalOptions(command).action(gcCommand);
}

const examples = `
Examples:
  osv-convert store gc --dry-run
  osv-convert store gc --older-than 30d --max-size 20G \\
    --keep 'mcr.microsoft.com/dotnet/*'`;

async function gcCommand(options: GcCommandOptions, command: Command): Promise<void> {
  const { withSession } = await import('../session.ts');
  const { namePatterns } = await import('../../copy/chosen-names.ts');
  const { dryRun = false, olderThan, maxSize, keep = [] } = options;
  const locked = await readLocks(options.lock);
  await withSession(command, async ({ store, onEvent, signal, print }) => {
    warnIfAbsent(store, onEvent);
    const report = await store.gc({
      dryRun,
      ...(olderThan !== undefined && { olderThan }),
      ...(maxSize !== undefined && { maxSize }),
      keep: [...keptAlways, ...namePatterns(keep), ...locked.flatMap(Object.keys)],
      keepDigests: locked.flatMap(Object.values).flatMap(({ digest, platforms }) => {
        return [digest, ...Object.values(platforms)];
      }),
      evict: evictable,
      signal,
    });
    await print(report, textOf(report));
    if (maxSize !== undefined && report.size > maxSize) {
      const text = `more than ${formatBytes(maxSize)} stays: kernels, names that are kept, and what is in use`;
      onEvent({ event: 'warning', text });
    }
  });
}

/** Before anything else: a lock file that cannot be read must not cost what it names. */
async function readLocks(paths: readonly string[] = []) {
  const { existsSync } = await import('node:fs');
  const { readLockFile, usualLockFile } = await import('../../pull/lock-file.ts');
  const usual = existsSync(usualLockFile) ? [usualLockFile] : [];
  const locks = [...new Set([...paths, ...usual])].map(readLockFile);
  return (await Promise.all(locks)).map(({ images }) => images);
}

const words: Readonly<Record<GarbageKind, string>> = {
  name: 'names',
  blob: 'blobs',
  layer: 'unpacked layers',
  partial: 'blobs that came in part',
  draft: 'files half-written',
  lease: 'leases that ended',
  quarantine: 'damaged files',
};

function textOf({ dryRun, removed, freed, size }: GcReport): string {
  const names = removed.filter(({ kind }) => kind === 'name');
  const rows = Object.entries(words).flatMap(([kind, word]) => {
    const some = removed.filter((garbage) => garbage.kind === kind);
    return some.length === 0 ? [] : [[`${some.length}`, word, formatBytes(sizeOf(some))]];
  });
  const lines = names.map(({ name }) => `${printable(name)}\n`).join('');
  const table = rows.length === 0 ? '' : formatTable(['COUNT', 'WHAT', 'SIZE'], rows);
  const [verb, rest] = dryRun ? ['would free', 'would be left'] : ['freed', 'left'];
  return `${lines}${table}${verb} ${formatBytes(freed)}, ${formatBytes(size)} ${rest}\n`;
}

function sizeOf(removed: readonly Garbage[]): number {
  return removed.reduce((sum, { size }) => sum + size, 0);
}
