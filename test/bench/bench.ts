import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { findProgram } from '../support/docker-registry.ts';
import { comparisons } from './comparisons.ts';
import { type Ground, layGround } from './ground.ts';
import { defaultWork } from './images.ts';
import { type Measured, measure } from './measure.ts';
import type { Results } from './results.ts';
import { type Group, type Row, rows } from './rows.ts';
import { tableOf } from './table.ts';

/*
 * How long osv-convert takes, how much work it is and how much memory it needs, beside others that do
 * the same or less. Rounds of all rows, each run in a process of its own, so that what the machine
 * does besides is spread over all.
 *
 *   npm run bench [-- --rounds N] [--only GROUP,...] [--save FILE] [--baseline FILE] [--json] [--work DIR]
 *     [--program FILE]
 *
 * Groups: start, cold, warm, look, layers, memory. Images are made at the first time (five minutes) and
 * stay in DIR. `--save` writes `{ node, processor, rows: { NAME: [{ wall, cpu, memory }] } }`, in seconds
 * and bytes, and `--json` prints it; `--baseline` reads it and prints how each comparison changed.
 * `--program` is another build of osv-convert. Memory is that of the largest process.
 */

const options = {
  rounds: { type: 'string', default: '5' },
  only: { type: 'string' },
  save: { type: 'string' },
  baseline: { type: 'string' },
  json: { type: 'boolean', default: false },
  work: { type: 'string', default: defaultWork },
  program: { type: 'string' },
} as const;

interface Saved {
  readonly node: string;
  readonly processor: string;
  readonly rows: Results;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options });
  const rounds = Number(values.rounds);
  if (!(rounds >= 1)) {
    throw new Error(`--rounds: found ${values.rounds}, wanted a number from 1 on`);
  }
  const baseline: Saved | undefined =
    values.baseline && JSON.parse(readFileSync(values.baseline, 'utf8'));
  const chosen = presentRows(chosenGroups(values.only).flatMap((group) => rows[group]));
  say('making images that are missing');
  const images = [...new Set(chosen.flatMap((row) => row.images))];
  const ground = await layGround(resolve(values.work), images, values.program);
  try {
    const load = loadavg().map((one) => one.toFixed(2));
    say(`load of the last 1, 5 and 15 minutes: ${load.join(', ')}`);
    const saved: Saved = {
      node: process.version,
      processor: `${cpus().length} x ${cpus()[0]?.model}`,
      rows: measureAll(chosen, rounds, ground),
    };
    if (values.save !== undefined) writeFileSync(values.save, `${JSON.stringify(saved)}\n`);
    const table = tableOf(saved.rows, comparisons, baseline?.rows);
    process.stdout.write(values.json ? `${JSON.stringify(saved)}\n` : `${table.join('\n')}\n`);
  } finally {
    await ground.close();
  }
}

function measureAll(chosen: readonly Row[], rounds: number, ground: Ground): Results {
  const results: Record<string, Measured[]> = {};
  const failed = new Set<Row>();
  const most = Math.max(...chosen.map(({ runs = 1 }) => runs));
  for (let at = 0; at < rounds * most; at += 1) {
    const [round, run] = [Math.floor(at / most), at % most];
    if (run === 0) say(`round ${round + 1} of ${rounds}`);
    for (const row of chosen) {
      const { name, runs = 1, isOnce } = row;
      if (failed.has(row) || run >= runs || (isOnce && round > 0)) continue;
      try {
        results[name] = [...(results[name] ?? []), measureRow(row, ground)];
      } catch (error) {
        failed.add(row);
        fail(`left out: ${name}: ${messageOf(error)}`);
      }
    }
  }
  return results;
}

function measureRow({ prepare, command, needs = [] }: Row, ground: Ground): Measured {
  prepare?.(ground);
  const words = command(ground);
  const env = ground.env(needs.filter((tool) => tool !== 'docker-registry'));
  // What was written before is not to be flushed at the cost of this run.
  spawnSync('sync');
  return measure(words, env);
}

function presentRows(chosen: readonly Row[]): readonly Row[] {
  const missing = new Set(
    chosen.flatMap(({ needs = [] }) => needs.filter((tool) => findProgram(tool) === undefined)),
  );
  for (const tool of missing) say(`left out: what needs ${tool}, which is not installed`);
  return chosen.filter(({ needs = [] }) => !needs.some((tool) => missing.has(tool)));
}

function chosenGroups(only: string | undefined): readonly Group[] {
  const all = Object.keys(rows) as Group[];
  if (only === undefined) return all;
  const wanted = only.split(',');
  const unknown = wanted.find((name) => !all.some((group) => group === name));
  if (unknown !== undefined) throw new Error(`--only: found ${unknown}, wanted some of ${all}`);
  return all.filter((group) => wanted.includes(group));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : `${error}`;
}

function fail(text: string): void {
  say(text);
  process.exitCode = 1;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

await main().catch((error) => fail(`bench: ${messageOf(error)}`));
