import type { Command } from 'commander';
import type { DuplicateFile, Usage, UsageTotals } from '../../../store/index.ts';
import { formatBytes, formatCount, formatTable, printable } from '../format.ts';
import { addGlobalOptions } from '../globals.ts';
import { warnIfAbsent } from './absent.ts';
import { warnOfDamage } from './damage.ts';

interface DuOptions {
  readonly duplicates?: true;
}

export function addStoreDu(store: Command): void {
  const command = store
    .command('du')
    .summary('tell what takes how much room')
    .description(
      'Tells how many bytes of the disk the store takes for what, and how many of them no name and ' +
        'no lease leads to: those gc would free.',
    )
    .option('--duplicates', 'find equal files in the unpacked layers (reads all their indexes)')
    .addHelpText('after', examples);
  addGlobalOptions(command).action(duCommand);
}

const examples = `
Examples:
  osv-convert store du
  osv-convert store du --duplicates
  osv-convert store du --json | jq .unreachable`;

async function duCommand(options: DuOptions, command: Command): Promise<void> {
  const { withSession } = await import('../session.ts');
  await withSession(command, async ({ store, onEvent, signal, print }) => {
    warnIfAbsent(store, onEvent);
    const usage = await store.usage({ duplicates: options.duplicates === true, signal });
    const { size, totals, unreachable, names, leases, damaged, duplicates } = usage;
    const result = {
      path: store.path,
      size,
      totals,
      unreachable,
      names: names.length,
      leases,
      damaged,
      ...(duplicates && { duplicates }),
    };
    await print(result, textOf(usage));
    warnOfDamage(damaged.length, onEvent);
  });
}

const words: Readonly<Record<keyof UsageTotals, string>> = {
  documents: 'manifests and configs',
  blobs: 'compressed layers, kernels and other blobs',
  layers: 'unpacked layers',
  layerIndexes: 'indexes of unpacked layers',
  otherLayers: 'layers of other versions of the store',
  partials: 'blobs that came in part',
  drafts: 'files being written',
  quarantine: 'damaged files, kept aside',
  names: 'names',
};

function textOf({ size, totals, unreachable, duplicates }: Usage): string {
  const parts = Object.entries(words).map(([key, word]) => {
    return [word, totals[key as keyof UsageTotals]] as const;
  });
  const rows = [...parts.filter(([, bytes]) => bytes > 0), ['all of it', size] as const];
  if (unreachable > 0) rows.push(['of that nothing needs', unreachable]);
  const table = formatTable(
    ['WHAT', 'SIZE'],
    rows.map(([word, bytes]) => [word, formatBytes(bytes)]),
  );
  if (duplicates === undefined) return table;
  const { files, size: spare, largest } = duplicates;
  const sentence = `equal to others: ${formatCount(files, 'file')}, ${formatBytes(spare)}\n`;
  if (largest.length === 0) return `${table}\n${sentence}`;
  const heads = ['TIMES', 'SIZE', 'SPARE', 'FILE'];
  return `${table}\n${sentence}\n${formatTable(heads, largest.map(duplicateRow))}`;
}

function duplicateRow({ size, count, places }: DuplicateFile): readonly string[] {
  const path = places[0]?.path ?? '';
  return [`${count}`, formatBytes(size), formatBytes(size * (count - 1)), printable(path)];
}
