import type { Quantity } from './measure.ts';

/** What one sum of rows is beside another. */
export interface Comparison {
  readonly name: string;
  readonly of: readonly string[];
  /** Where there are none, a difference is what is compared itself. */
  readonly to: readonly string[];
  readonly by: 'ratio' | 'difference';
  /** Ratios, seconds or bytes; absent where nothing is asked. */
  readonly most: Readonly<Partial<Record<Quantity, number>>>;
  /** The same in words. */
  readonly wanted: string;
}

const megabyte = 2 ** 20;
const unpacking = ['umoci unpack', 'plain ROFS'];

export const comparisons: readonly Comparison[] = [
  ratio('--version / node -e 0', ['--version'], ['node -e 0'], timesAtMost(1.5)),
  ratio('--help / node -e 0', ['--help'], ['node -e 0'], timesAtMost(1.5)),
  ratio('pull and build / peers', ['pull and build'], ['skopeo copy', ...unpacking], {
    most: { wall: 1 / 5, cpu: 1 / 5 },
    wanted: 'at most 1/5',
  }),
  ratio('bare loop / peers', ['bare loop'], ['skopeo copy', ...unpacking]),
  ratio('pull and build / bare loop', ['pull and build'], ['bare loop'], timesAtMost(1.5)),
  ratio('the same, igzip', ['pull and build, igzip'], ['bare loop'], timesAtMost(1.2)),
  ratio('pull, build / bare loop', ['pull', 'build, the first'], ['bare loop']),
  ratio('pull / bare loop', ['pull'], ['bare loop']),
  ratio('pull, zstd / pull', ['pull, zstd'], ['pull'], {
    most: { wall: 1 / 1.3, cpu: 1 / 1.3 },
    wanted: 'at most 1/1.3',
  }),
  ratio('build / umoci + plain ROFS', ['build'], unpacking, {
    most: { wall: 1 / 25, cpu: 1 / 25 },
    wanted: 'at most 1/25',
  }),
  ratio('the same, all files', ['build, all files'], unpacking),
  ratio('build / bare write', ['build'], ['bare write']),
  ratio('bare write / cp', ['bare write'], ['cp']),
  ratio('build / cp', ['build'], ['cp'], timesAtMost(3)),
  ratio('build / cp, sync -d', ['build'], ['cp, sync -d'], timesAtMost(3)),
  {
    name: 'unchanged - node -e 0',
    of: ['build, unchanged'],
    to: ['node -e 0'],
    by: 'difference',
    most: { wall: 0.2, cpu: 0.2 },
    wanted: 'at most 0.2 s',
  },
  ratio('new app / build', ['build, new app'], ['build'], {
    most: { cpu: 1 / 3 },
    wanted: 'at most 1/3 of CPU',
  }),
  ratio('20,000 files / bare loop', ['pull, 20,000 files'], ['bare loop, 20,000 files']),
  ratio('1 GiB / bare loop', ['pull, 1 GiB'], ['bare loop, 1 GiB']),
  ratio('1 GiB / 100 MB', ['pull, 1 GiB'], ['pull, 100 MB'], {
    most: { memory: 1.25 },
    wanted: 'the same memory',
  }),
  ...['pull', 'ls -R', 'build'].map((does) =>
    memoryOf(`${does}, 20,000 entries`, 150 * megabyte, 'at most 150 MiB'),
  ),
  ...['pull', 'ls -R'].map((does) =>
    memoryOf(`${does}, 1,000,000 entries`, 1024 * megabyte, 'at most 1 GiB'),
  ),
];

function ratio(
  name: string,
  of: readonly string[],
  to: readonly string[],
  demand: Pick<Comparison, 'most' | 'wanted'> = { most: {}, wanted: '' },
): Comparison {
  return { name, of, to, by: 'ratio', ...demand };
}

function timesAtMost(most: number): Pick<Comparison, 'most' | 'wanted'> {
  return { most: { wall: most, cpu: most }, wanted: `at most ${most}` };
}

function memoryOf(row: string, most: number, wanted: string): Comparison {
  return {
    name: `memory of ${row}`,
    of: [row],
    to: [],
    by: 'difference',
    most: { memory: most },
    wanted,
  };
}
