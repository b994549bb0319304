import { describe, expect, it } from 'vitest';
import type { Comparison } from './comparisons.ts';
import { comparisons } from './comparisons.ts';
import type { Results } from './results.ts';
import { rows } from './rows.ts';
import { tableOf } from './table.ts';

const run = (wall: number, cpu: number, memory: number) => ({ wall, cpu, memory: memory * 1e6 });

const results: Results = {
  ours: [run(3, 2, 50), run(1, 1.5, 60), run(2, 1, 40)],
  more: [run(1, 1, 10)],
  theirs: [run(1, 2, 20), run(4, 4, 20), run(2, 2, 20)],
};

const ratio: Comparison = {
  name: 'ours + more / theirs',
  of: ['ours', 'more'],
  to: ['theirs'],
  by: 'ratio',
  most: { wall: 1.5, cpu: 1.25 },
  wanted: 'at most so',
};

const cellsOf = (line = ''): readonly string[] => line.trim().split(/\s{2,}/);

describe('tableOf', () => {
  it('gives medians, the least and the most memory of each row', () => {
    const lines = tableOf(results, []);
    expect(cellsOf(lines[1])).toEqual(['ours', '2.000', '1.000', '1.500', '1.000', '60']);
  });

  it('marks what is above what is wanted, and no more', () => {
    const line = tableOf(results, [ratio]).at(-1) ?? '';
    expect(line.split(/\s{2,}/)).toEqual([
      ...['ours + more / theirs', '1.50', '2.00 !', '1.25', '1.00', '3.00', 'at most so'],
    ]);
  });

  it('leaves out a comparison of which a row was not measured', () => {
    expect(tableOf(results, [{ ...ratio, to: ['theirs', 'others'] }])).toEqual(
      tableOf(results, []),
    );
  });

  it('gives seconds and megabytes where rows are subtracted', () => {
    const difference: Comparison = { ...ratio, of: ['ours'], by: 'difference' };
    const line = tableOf(results, [difference]).at(-1) ?? '';
    expect(cellsOf(line).slice(1, 6)).toEqual(['0.000', '0.000', '-0.500', '-1.000', '40']);
  });

  it('gives nothing but what is asked of a row that is compared with none', () => {
    const memory: Comparison = {
      ...ratio,
      of: ['ours'],
      to: [],
      by: 'difference',
      most: { memory: 5e7 },
    };
    const line = tableOf(results, [memory]).at(-1) ?? '';
    expect(cellsOf(line).slice(1)).toEqual(['60 !', 'at most so']);
  });

  it('tells how a comparison changed since the baseline, and what is new', () => {
    const before = { ...results, theirs: [run(1, 3, 20)] };
    const last = (baseline: Results) => cellsOf(tableOf(results, [ratio], baseline).at(-1)).at(-1);
    expect(last(before)).toBe('-50 %, +50 %, +0 %');
    expect(last({})).toBe('new, new, new');
  });
});

describe('comparisons', () => {
  it('are of rows that there are', () => {
    const names = Object.values(rows).flatMap((group) => group.map(({ name }) => name));
    expect(new Set(names).size).toBe(names.length);
    for (const { of, to } of comparisons)
      expect(names).toEqual(expect.arrayContaining([...of, ...to]));
  });
});
