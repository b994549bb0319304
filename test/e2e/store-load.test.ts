import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runLoad } from '../support/store-load/load.ts';
import { readers } from '../support/store-load/readers.ts';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'osv-convert-load-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

// For minutes: test/load/store.ts.
it('A store is to each of eight processes and to other programs as if they were alone', async () => {
  const { counts, fetched, complaints } = await runLoad({ folder, seed: 4, seconds: 12 });
  expect(complaints).toEqual([]);
  expect(fetched).toBeGreaterThan(0);
  const programs = [...new Set(Object.keys(readers).map((reader) => reader.split(' ')[0]))];
  if (programs.length < 3) console.log(`skipped: readers but for ${programs.join(', ')}`);
  const readings = [...counts].filter(([word]) => word.endsWith(': read'));
  expect(readings.length).toBeGreaterThan(0);
});
