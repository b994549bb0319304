import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runLoad } from '../support/store-load/load.ts';

/*
 * Eight processes pull, build, tag, remove, collect, verify, export and import in one store, for as
 * long as is said, while skopeo, umoci and a reader of our own read it. Prints what was done how often,
 * and ends with 1 when anything happened that should not have.
 *
 *   npm run build && node dist/test/load/store.js [--seconds 240] [--seed 1]
 */

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '240' },
    seed: { type: 'string', default: '1' },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'osv-convert-load-'));
const { counts, fetched, removed, complaints } = await runLoad({
  folder,
  seed: Number(values.seed),
  seconds: Number(values.seconds),
});
for (const [word, count] of [...counts].sort()) console.log(`${count}`.padStart(7), word);
console.log(`blobs fetched: ${fetched}, removed: ${removed}, complaints: ${complaints.length}`);
for (const complaint of complaints) console.log(complaint);
if (complaints.length === 0) rmSync(folder, { recursive: true });
else console.log(`the store: ${folder}`);
process.exitCode = complaints.length === 0 ? 0 : 1;
