import type { Target } from '../target.ts';

/** Parsers that fail in each way there is, so that a test can see that it is noticed. */
export const brokenTargets: readonly (() => Target)[] = [
  () =>
    broken('broken-throw', () => {
      throw new TypeError('not an error of ours');
    }),
  () =>
    broken('broken-hang', () => {
      for (;;);
    }),
  () => broken('broken-wait', () => new Promise(() => setInterval(() => {}, 1000))),
  () =>
    broken('broken-heap', () => {
      const kept: number[][] = [];
      for (;;) kept.push(new Array(10_000).fill(kept.length));
    }),
  () =>
    broken('broken-memory', () => {
      const kept: Buffer[] = [];
      for (;;) kept.push(Buffer.alloc(2 ** 24, 1));
    }),
];

/** Sound up to its twentieth case. */
function broken(name: string, fail: () => string | Promise<string>): Target {
  let cases = 0;
  return {
    name,
    input: (random) => Buffer.from(String(random.below(1000))),
    run() {
      cases += 1;
      return cases < 20 ? 'accepted' : fail();
    },
  };
}
