import type { RollForward } from './app.ts';

/** From the strictest, as the host lists them (dotnet/runtime, roll_forward_option.h). */
export const rollForwards: readonly RollForward[] = [
  'Disable',
  'LatestPatch',
  'Minor',
  'LatestMinor',
  'Major',
  'LatestMajor',
];

/** As the host: letter case does not matter. */
export function parseRollForward(text: string): RollForward | undefined {
  return rollForwards.find((name) => name.toLowerCase() === text.toLowerCase());
}

/** `rollForwardOnNoCandidateFx`, the setting before .NET Core 3.0: other numbers forbid to roll at all. */
export function rollForwardOfNumber(number: number): RollForward {
  const known: readonly RollForward[] = ['LatestPatch', 'Minor', 'Major'];
  return known[number | 0] ?? 'Disable';
}

/** A number as the host reads it from variables and options, with C's `atoi`: 0 for what is none. */
export function leadingNumber(text: string): number {
  const [, sign, digits] = /^[ \t\n\v\f\r]*([+-]?)0*([0-9]{0,20})/.exec(text) ?? [];
  const value = BigInt(digits || '0');
  const longest = 2n ** 63n - 1n;
  const capped = value > longest ? longest : value;
  return Number(BigInt.asIntN(32, sign === '-' ? -capped : capped));
}
