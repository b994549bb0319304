import { execFileSync } from 'node:child_process';
import { closeSync, createReadStream, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type DiffID,
  type LayerIndex,
  openStore,
  parseDiffID,
  type Store,
} from '../../store/index.ts';
import { manyEntries, tarOfItems } from './synthetic-tars.ts';

/*
 * How the work on one image grows with what it holds: 10,000, 100,000 and 1,000,000 entries, in one
 * layer and in ten. Each step is done in a process of its own, which first does the steps it needs,
 * unmeasured. Prints of each step how long it took, how long the processors worked, the most memory
 * the process had, and the first two as multiples of those of the row before: ten times the entries
 * should take ten times as long.
 *
 *   npm run build && node dist/test/bench/entries.js [ENTRIES...]
 */

const megabyte = 2 ** 20;

interface Measured {
  /** Milliseconds. */
  readonly time: number;
  /** Milliseconds of processors. */
  readonly work: number;
  /** Bytes: the most that were resident, from the start of the process on. */
  readonly memory: number;
}

/** One image: its tars, and, once they were taken in, the layers of the store. */
interface Subject {
  readonly tars: readonly string[];
  readonly diffIDs: readonly DiffID[];
  readonly store: Store;
}

/** Gets ready, and gives back what is measured. */
type Step = (subject: Subject) => Promise<() => Promise<unknown> | unknown>;

const steps: Readonly<Record<string, Step>> = {
  ingest: async (subject) => async () => {
    const diffIDs: DiffID[] = [];
    for (const tar of subject.tars) {
      const { diffID } = await subject.store.layers.write(createReadStream(tar, bigChunks));
      diffIDs.push(diffID);
    }
    return diffIDs;
  },
  'open indexes': async (subject) => () => openIndexes(subject),
  flatten: async (subject) => {
    const indexes = await openIndexes(subject);
    const { flatten } = await import('../../src/tree/flatten.ts');
    return () => flatten(indexes);
  },
  list: async (subject) => {
    const tree = await flattened(subject);
    const { listTree } = await import('../support/list-tree.ts');
    return () => listTree(tree).length;
  },
  'plan ROFS': async (subject) => {
    const tree = await flattened(subject);
    const { planRofs } = await import('../../src/rofs/plan.ts');
    return () => planRofs(tree).size;
  },
  'write ROFS': async (subject) => {
    const { withLayers } = await import('../../src/tree/open-layers.ts');
    const { planRofs } = await import('../../src/rofs/plan.ts');
    const { rofsSegments } = await import('../../src/rofs/write.ts');
    const { pieces } = await import('../../src/disk/segment.ts');
    return () =>
      withLayers(subject.store, async ({ flatten, contents }) => {
        const plan = planRofs(await flatten(subject.diffIDs));
        for (const _ of pieces(rofsSegments(plan), plan.size, contents)) {
          // The bytes are of no interest.
        }
      });
  },
  'write tar': async (subject) => {
    const { withLayers } = await import('../../src/tree/open-layers.ts');
    const { treeTar } = await import('../../src/export/tar.ts');
    return () =>
      withLayers(subject.store, async ({ flatten, contents }) => {
        for await (const _ of treeTar(await flatten(subject.diffIDs), { contents })) {
          // The bytes are of no interest.
        }
      });
  },
};

const bigChunks = { highWaterMark: megabyte };

async function openIndexes({ store, diffIDs }: Subject): Promise<LayerIndex[]> {
  const indexes: LayerIndex[] = [];
  for (const diffID of diffIDs) {
    const layer = await store.layers.open(diffID);
    indexes.push(layer.index);
    layer.close();
  }
  return indexes;
}

async function flattened(subject: Subject) {
  const { flatten } = await import('../../src/tree/flatten.ts');
  return flatten(await openIndexes(subject));
}

const [command, ...given] = process.argv.slice(2);
if (command === 'run') await run(given);
else await main(command === undefined ? [] : [command, ...given].map(Number));

async function run([step = '', dir = '', layers = '', ...diffIDs]: readonly string[]) {
  const store = await openStore(join(dir, 'store'));
  const tars = Array.from({ length: Number(layers) }, (_, at) => tarPath(dir, at));
  const work = await steps[step]?.({ store, tars, diffIDs: diffIDs.map(parseDiffID) });
  const started = performance.now();
  const before = process.cpuUsage();
  const result = await work?.();
  const time = performance.now() - started;
  const { user, system } = process.cpuUsage(before);
  const memory = process.resourceUsage().maxRSS * 1024;
  const measured: Measured = { time, work: (user + system) / 1000, memory };
  const taken = step === 'ingest' ? result : [];
  process.stdout.write(JSON.stringify({ measured, taken }));
  await store.close();
}

async function main(sizes: readonly number[]): Promise<void> {
  const counts = sizes.length > 0 ? sizes : [10_000, 100_000, 1_000_000];
  for (const layers of [1, 10]) {
    const rows = new Map<string, Measured>();
    for (const entries of counts) {
      say(`\n${entries} entries in ${layers} layer${layers > 1 ? 's' : ''}`);
      const dir = mkdtempSync(join(tmpdir(), 'osv-convert-entries-'));
      try {
        for (let layer = 0; layer < layers; layer += 1) {
          writeTar(tarPath(dir, layer), layer, entries / layers);
        }
        let diffIDs: readonly string[] = [];
        for (const step of Object.keys(steps)) {
          const { measured, taken } = measure(step, dir, layers, diffIDs);
          if (step === 'ingest') diffIDs = taken;
          say(line(step, measured, rows.get(step)));
          rows.set(step, measured);
        }
      } finally {
        rmSync(dir, { recursive: true });
      }
    }
  }
}

function measure(step: string, dir: string, layers: number, diffIDs: readonly string[]) {
  const program = fileURLToPath(import.meta.url);
  const args = [program, 'run', step, dir, `${layers}`, ...diffIDs];
  const output = execFileSync(process.execPath, args, { encoding: 'utf8' });
  return JSON.parse(output) as { measured: Measured; taken: readonly string[] };
}

function tarPath(dir: string, layer: number): string {
  return join(dir, `${layer}.tar`);
}

function writeTar(path: string, layer: number, entries: number): void {
  const fd = openSync(path, 'w');
  for (const piece of tarOfItems(manyEntries(entries, layer))) writeSync(fd, piece);
  closeSync(fd);
}

function line(step: string, measured: Measured, before: Measured | undefined): string {
  const { time, work, memory } = measured;
  const ratio = (of: 'time' | 'work') =>
    before === undefined ? '' : ` (x${(measured[of] / before[of]).toFixed(1)})`;
  const cell = (value: number, unit: string, more = '') =>
    `${value.toFixed(0).padStart(8)} ${unit}${more.padEnd(8)}`;
  return [
    step.padEnd(14),
    cell(time, 'ms', ratio('time')),
    cell(work, 'ms CPU', ratio('work')),
    cell(memory / megabyte, 'MB'),
  ].join('');
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
