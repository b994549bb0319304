import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { top } from '../support/top.ts';

/** Larger ones would make each case of a run slow. */
const largest = 2 ** 16;

/** The hazards among fixtures/layers whose file names end so. */
export function layerFixtures(end: string): readonly Uint8Array[] {
  const folder = join(top, 'fixtures', 'layers');
  return readdirSync(folder)
    .filter((name) => name.endsWith(end))
    .sort()
    .map((name) => readFileSync(join(folder, name)))
    .filter(({ length }) => length <= largest);
}
