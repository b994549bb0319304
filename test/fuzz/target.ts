import type { Random } from './random.ts';

/** A parser under hostile input. */
export interface Target {
  readonly name: string;
  /** The input of a case; the same choices give the same. */
  input(random: Random): Uint8Array;
  /**
   * Gives it to the parser and says how that ended: `accepted`, or the code of an error of ours.
   * @throws what the parser should not have thrown, or says of a result that breaks a promise.
   */
  run(input: Uint8Array, random: Random): string | Promise<string>;
}
