import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { randomOf } from './random.ts';
import { type Bounds, runTarget } from './run.ts';
import { targetNames, targetOf } from './targets.ts';

/*
 * npm run fuzz -- [--seconds 60] [--cases N] [--seed N] [--case N] [--limit 5] [TARGET...]
 *
 * Feeds mutated input to the parsers of what others write: all of them, or the named ones, `--seconds`
 * shared among them. The same seed gives the same cases; `--case` runs one of them. A case that fails,
 * takes more than `--limit` seconds or too much memory ends its target: it is told, its input written to
 * a file, and the exit code is 1.
 */

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    cases: { type: 'string', default: 'Infinity' },
    seed: { type: 'string', default: '1' },
    case: { type: 'string' },
    limit: { type: 'string', default: '5' },
  },
});
const seed = Number(values.seed);
const bounds: Bounds = { seconds: Number(values.limit), heap: 256, memory: 768 };
const names = positionals.length > 0 ? positionals : targetNames;
let folder: string | undefined;

for (const name of names) {
  const start = performance.now();
  const report = await runTarget(
    {
      name,
      seed,
      first: Number(values.case ?? 0),
      cases: values.case === undefined ? Number(values.cases) : 1,
      seconds: Number(values.seconds) / names.length,
    },
    bounds,
  );
  const seconds = (performance.now() - start) / 1000;
  const outcomes = Object.entries(report.outcomes)
    .sort(([, a], [, b]) => b - a)
    .map(([outcome, count]) => `${outcome} ${count}`);
  console.log(
    `${name}: ${report.cases} cases, ${Math.round(report.cases / seconds)} a second: ${outcomes.join(', ')}`,
  );
  if (report.failedAt === undefined) continue;
  process.exitCode = 1;
  folder ??= mkdtempSync(join(tmpdir(), 'osv-convert-fuzz-'));
  const file = join(folder, `${name}-${seed}-${report.failedAt}`);
  writeFileSync(file, (await targetOf(name)).input(randomOf(seed, report.failedAt)));
  console.error(
    `FAILED: ${name} --seed ${seed} --case ${report.failedAt}, input in ${file}\n${report.failure}`,
  );
}
