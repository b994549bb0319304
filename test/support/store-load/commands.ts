import { join } from 'node:path';
import { lasting } from './images.ts';

/** A command line for the store, and what it may say when another took away what it is about. */
export interface Deed {
  readonly words: readonly string[];
  readonly mayFail: readonly string[];
}

export interface Ground {
  /** `HOST:PORT` of the registry. */
  readonly host: string;
  /** Names of images in the registry that come and go. */
  readonly names: readonly string[];
  /** For files that commands write; no two who write have the same. */
  readonly folder: string;
}

const copies = ['copy-0:1', 'copy-1:1', 'copy-2:1'];

/** The next command. `own` is a word for the files of whoever runs it. */
export function chooseDeed(random: () => number, own: string, ground: Ground): Deed {
  const pick = <T>(of: readonly [T, ...T[]] | readonly T[]): T =>
    of[Math.floor(random() * of.length)] as T;
  const full = (name: string): string => `${ground.host}/${name}`;
  const image = (): string => full(pick(ground.names));
  const named = (): string => full(pick([...ground.names, ...copies]));
  const app = (): string => full(pick(ground.names.filter((name) => name.startsWith('hello'))));
  const disk = ['-o', join(ground.folder, `${own}.raw`), '--boot', 'direct'];
  const keep = ['--keep', full(lasting.kept)];
  const gone = ['(IMAGE_NOT_FOUND)'];
  const closed = ['(OFFLINE)'];

  const deeds: readonly (readonly [weight: number, deed: () => Deed])[] = [
    [7, () => ({ words: ['pull', image()], mayFail: [] })],
    [1, () => ({ words: ['pull', app()], mayFail: [] })],
    [3, () => ({ words: ['build', app(), ...disk], mayFail: [] })],
    [1, () => ({ words: ['build', app(), '--offline', ...disk], mayFail: closed })],
    [1, () => ({ words: ['inspect', named(), '--offline'], mayFail: closed })],
    [4, () => ({ words: ['rm', named()], mayFail: gone })],
    [3, () => ({ words: ['tag', named(), full(pick(copies))], mayFail: gone })],
    [3, () => ({ words: ['store', 'gc', '--json'], mayFail: [] })],
    [
      2,
      () => {
        const size = Math.floor(500_000 + random() * 3_000_000);
        return { words: ['store', 'gc', '--json', '--max-size', `${size}`, ...keep], mayFail: [] };
      },
    ],
    [1, () => ({ words: ['store', 'gc', '--json', '--older-than', '1s', ...keep], mayFail: [] })],
    [1, () => ({ words: ['store', 'gc', '--json', '--dry-run'], mayFail: [] })],
    [2, () => ({ words: ['store', 'verify'], mayFail: [] })],
    [2, () => ({ words: ['store', 'verify', '--full'], mayFail: [] })],
    [1, () => ({ words: ['store', 'verify', '--full', '--repair'], mayFail: [] })],
    [1, () => ({ words: ['store', 'ls', '--layers'], mayFail: [] })],
    [1, () => ({ words: ['store', 'du', '--duplicates'], mayFail: [] })],
    [1, () => ({ words: ['store', 'leases'], mayFail: [] })],
    [1, () => ({ words: ['images'], mayFail: [] })],
    [
      2,
      () => ({
        words: ['store', 'export', named(), '-o', join(ground.folder, `${own}.tar`)],
        mayFail: [...gone, 'found no such name in the store'],
      }),
    ],
    [
      1,
      () => ({
        words: ['store', 'import', join(ground.folder, 'archive.tar')],
        mayFail: [],
      }),
    ],
  ];
  let at = random() * deeds.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, deed] of deeds) {
    at -= weight;
    if (at < 0) return deed();
  }
  throw new Error('chooseDeed: found a random number that is not below 1');
}
