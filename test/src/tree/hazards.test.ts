import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesOf, hazards, manyLayers } from '../../support/hazards/all.ts';
import { goldenOf, unpack } from '../../support/hazards/unpack.ts';
import { top } from '../../support/top.ts';

const folder = join(top, 'fixtures/layers');
const named = Object.entries(hazards);

describe('fixtures/layers', () => {
  test('are what their script makes, and nothing else', () => {
    const made = named.flatMap(([name, layers]) => [...filesOf(name, layers)]);
    const goldens = named.map(([name]) => `${name}.txt`);
    const expected = [...made.map(([file]) => file), ...goldens, 'rebuild.sh'];
    expect(readdirSync(folder).sort()).toEqual(expected.sort());
    const differing = made.filter(
      ([file, bytes]) => !readFileSync(join(folder, file)).equals(bytes),
    );
    expect(differing.map(([file]) => file)).toEqual([]);
  });
});

describe('flatten gives the golden listing, or refuses with its code,', () => {
  test.each(named)('when a layer has %s', async (name, layers) => {
    const golden = readFileSync(join(folder, `${name}.txt`), 'utf8');
    expect(goldenOf(await unpack(layers))).toBe(golden);
  });

  test('when there are 127 layers', async () => {
    const lines = goldenOf(await unpack(manyLayers)).split('\n');
    expect(lines.filter((line) => line.includes('/only-'))).toEqual([
      '- 0644 0:0 1000000000 /only-126 0 ""',
    ]);
    expect(lines.filter((line) => line.includes('/shared/'))).toHaveLength(127);
    expect(lines).toContain('- 0644 0:0 1000000000 /top 9 "layer 126"');
  });
});
