import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { seededRandom } from '../support/seeded-random.ts';
import { createKilledStore } from '../support/store-kill/kill.ts';
import { jobNames } from '../support/store-kill/vow.ts';

/*
 * Kills processes that write to stores, each kind of work so many times, and looks at the stores after
 * each. Prints how many rounds of work were done and what is wrong, and ends with 1 when anything is.
 *
 *   npm run build && node dist/test/load/kill.js [--times 40] [--seed 1] [JOB...]
 */

const { values, positionals } = parseArgs({
  options: {
    times: { type: 'string', default: '40' },
    seed: { type: 'string', default: '1' },
  },
  allowPositionals: true,
});
const folder = mkdtempSync(join(tmpdir(), 'osv-convert-kill-'));
let isSound = true;
for (const [at, job] of jobNames.entries()) {
  if (positionals.length > 0 && !positionals.includes(job)) continue;
  const random = seededRandom(Number(values.seed) * 100 + at);
  const store = await createKilledStore(join(folder, job), job, random);
  const wrong: string[] = [];
  let kills = 0;
  for (; kills < Number(values.times) && wrong.length === 0; kills += 1) {
    wrong.push(...(await store.strike()));
  }
  if (wrong.length === 0) wrong.push(...(await store.end()));
  console.log(`${job}: ${kills} kills, ${store.rounds()} rounds, ${wrong.length} wrong`);
  for (const line of wrong) console.log(`  ${line}`);
  if (wrong.length > 0) isSound = false;
}
if (isSound) rmSync(folder, { recursive: true });
else console.log(`the stores: ${folder}`);
process.exitCode = isSound ? 0 : 1;
