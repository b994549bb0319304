import type { Comparison } from './comparisons.ts';
import type { Quantity } from './measure.ts';
import { compared, type Results, type Summary, valueIn } from './results.ts';

type Column = readonly [Quantity, Summary];

const columns: readonly Column[] = [
  ['wall', 'median'],
  ['wall', 'least'],
  ['cpu', 'median'],
  ['cpu', 'least'],
  ['memory', 'least'],
];
const heads = ['wall', 'least', 'CPU', 'least', 'MB'];
const widths = [36, 10, 10, 10, 10, 10];

/**
 * Lines of what was measured, in seconds and megabytes, then of how it compares: ratios, and what they are asked to be. `!` is
 * behind what is above that. With a `baseline` each comparison ends with how its medians changed.
 */
export function tableOf(
  results: Results,
  comparisons: readonly Comparison[],
  baseline?: Results,
): readonly string[] {
  return [
    line(['', ...heads]),
    ...Object.keys(results).map((row) =>
      line([
        row,
        ...columns.map(([quantity, summary]) => {
          const value = valueIn(results, row, quantity, summary);
          return value === undefined ? '' : plain(quantity, value);
        }),
      ]),
    ),
    '',
    line(['', ...heads, 'wanted', ...(baseline === undefined ? [] : ['wall, CPU, MB since'])]),
    ...comparisons.flatMap((comparison) => comparisonLine(results, comparison, baseline)),
  ];
}

function comparisonLine(
  results: Results,
  comparison: Comparison,
  baseline: Results | undefined,
): readonly string[] {
  const cells = columns.map(([quantity, summary]) => {
    const value = compared(results, comparison, quantity, summary);
    if (value === undefined) return undefined;
    if (comparison.to.length === 0 && comparison.most[quantity] === undefined) return '';
    const text = comparison.by === 'ratio' ? value.toFixed(2) : plain(quantity, value);
    return value > (comparison.most[quantity] ?? Number.POSITIVE_INFINITY)
      ? `${text} !`
      : `${text}  `;
  });
  if (!cells.every((cell) => cell !== undefined)) return [];
  const change = baseline === undefined ? [] : [changesOf(results, baseline, comparison)];
  return [line([comparison.name, ...cells, comparison.wanted, ...change])];
}

/** How much more or less than in the baseline, in per cent. */
function changesOf(results: Results, baseline: Results, comparison: Comparison): string {
  const changes = (['wall', 'cpu', 'memory'] as const).map((quantity) => {
    const now = compared(results, comparison, quantity, 'median');
    const before = compared(baseline, comparison, quantity, 'median');
    if (now === undefined || before === undefined) return 'new';
    const percent = Math.round((now / before - 1) * 100);
    return `${percent < 0 ? '' : '+'}${percent} %`;
  });
  return changes.join(', ');
}

function plain(quantity: Quantity, value: number): string {
  return quantity === 'memory' ? (value / 1e6).toFixed(0) : value.toFixed(3);
}

function line(cells: readonly string[]): string {
  const padded = cells.map((cell, at) => {
    if (at === 0) return cell.padEnd(widths[0] ?? 0);
    const width = widths[at];
    return width === undefined ? `  ${cell.padEnd(20)}` : cell.padStart(width);
  });
  return padded.join('').trimEnd();
}
