import { seededRandom } from '../support/seeded-random.ts';

/** Choices that are the same in every run. */
export interface Random {
  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number;
  chance(probability: number): boolean;
  /** @throws Error when there is nothing. */
  pick<T>(list: readonly T[]): T;
}

/** The choices of one case of a run. Neighbours have nothing in common. */
export function randomOf(seed: number, number: number): Random {
  const next = seededRandom(scramble(scramble(seed) + number));
  const below = (limit: number) => Math.floor(next() * limit);
  const pick = <T>(list: readonly T[]): T => {
    const found = list[below(list.length)];
    if (found === undefined) throw new Error('randomOf: wanted something to pick from');
    return found;
  };
  return { below, pick, chance: (probability) => next() < probability };
}

/** Spreads the bits of a 32-bit number (the finalizer of MurmurHash3). */
function scramble(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
