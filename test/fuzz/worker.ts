import { parentPort, workerData } from 'node:worker_threads';
import { randomOf } from './random.ts';
import type { Job, Report } from './run.ts';
import { targetOf } from './targets.ts';

/*
 * Runs the cases of one target in a thread of its own, whose end is no one else's. The number of the
 * case stands in shared memory, where it can be read while the thread hangs.
 */

const { name, seed, first, cases, seconds, progress }: Job = workerData;
const outcomes: Record<string, number> = {};
const target = await targetOf(name);
const deadline = performance.now() + seconds * 1000;
let number = first;
let failure: string | undefined;

while (number < first + cases && performance.now() < deadline) {
  Atomics.store(progress, 0, number);
  const random = randomOf(seed, number);
  try {
    const outcome = await target.run(target.input(random), random);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    break;
  }
  number += 1;
}

const report: Report = {
  cases: number - first,
  outcomes,
  ...(failure !== undefined && { failure }),
};
parentPort?.postMessage(report);
