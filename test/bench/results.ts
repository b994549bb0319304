import type { Comparison } from './comparisons.ts';
import type { Measured, Quantity } from './measure.ts';

/** All runs of each row, as `--save` writes them and `--baseline` reads them. */
export type Results = Readonly<Record<string, readonly Measured[]>>;

/** How several runs become one number. Memory is always the most that any run took. */
export type Summary = 'median' | 'least';

/** Seconds or bytes of a row; undefined where it was not measured. */
export function valueIn(
  results: Results,
  row: string,
  quantity: Quantity,
  summary: Summary,
): number | undefined {
  const values = (results[row] ?? []).map((run) => run[quantity]).sort((a, b) => a - b);
  if (quantity === 'memory') return values.at(-1);
  return summary === 'least' ? values[0] : values[values.length >> 1];
}

/** A ratio, or seconds or bytes; undefined where a row it needs was not measured. */
export function compared(
  results: Results,
  { of, to, by }: Comparison,
  quantity: Quantity,
  summary: Summary,
): number | undefined {
  const total = (rows: readonly string[]): number | undefined => {
    const values = rows.map((row) => valueIn(results, row, quantity, summary));
    if (!values.every((value) => value !== undefined)) return undefined;
    return quantity === 'memory' ? Math.max(0, ...values) : values.reduce((a, b) => a + b, 0);
  };
  const [ours, theirs] = [total(of), total(to)];
  if (ours === undefined || theirs === undefined) return undefined;
  return by === 'ratio' ? ours / theirs : ours - theirs;
}
