import { ConvertError } from '../error.ts';

const factors: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** Bytes a second of `500k`, `2.5M`, `1G`; powers of 1024, as curl means them. @throws ConvertError `USAGE`. */
export function parseRate(text: string): number {
  const [, number, unit = ''] = /^(\d{1,9}(?:\.\d{1,3})?)([kmg]?)$/i.exec(text) ?? [];
  const rate = Math.floor(Number(number) * (factors[unit.toLowerCase()] ?? 1));
  if (rate >= 1) return rate;
  throw new ConvertError(
    'USAGE',
    `reading --limit-rate: found ${JSON.stringify(text.slice(0, 40))}, wanted bytes a second such as 500k or 2.5M`,
  );
}
