import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Limits } from '../limits.ts';
import type { Arrival } from './arrival.ts';
import type { IndexText } from './index-text.ts';

/** A blob to be unpacked by another thread. */
export interface UnpackJob {
  /** Of the blob: the first of them that there is. */
  readonly paths: readonly string[];
  /** Of the blob, in bytes. */
  readonly size: number;
  /** The file that the tar is written to, empty. */
  readonly target: string;
  readonly limits: Limits;
  /** The program igzip, for gzip. */
  readonly igzip: string | undefined;
}

/** How much of the blob is in its file, or that no more is wanted. */
export type ToWorker = { readonly there: number; readonly isComplete: boolean } | 'stop';

/** How much of it was read, and at last what was found. */
export type FromWorker = { readonly read: number } | { readonly index: IndexText };

/** Beside this module, where it was compiled. Where the source itself is run, nothing is there. */
const script = new URL('./unpack-worker.js', import.meta.url);

const isThere = existsSync(fileURLToPath(script));

let running = 0;

/** Whether another thread has a core to run on; with a single one, none has. */
export function hasRoom(): boolean {
  const cores = availableParallelism();
  return isThere && cores > 1 && running < cores;
}

/**
 * Unpacks a blob while it comes, in a thread of its own. It ends with the signal, or when the arrival
 * fails. What is wrong with a layer, its diffID tells: no sums are looked at.
 * @throws Error of whatever kind: to know why, unpack it here.
 */
export async function unpackInWorker(
  job: UnpackJob,
  arrival: Arrival,
  { signal, onRead }: { readonly signal: AbortSignal; readonly onRead: (read: number) => void },
): Promise<IndexText> {
  const worker = new Worker(script, { workerData: job, execArgv: [] });
  running += 1;
  const exited = new Promise((resolve) => worker.once('exit', resolve));
  const ended = new AbortController();
  const feeding = feed(worker, job.size, arrival, AbortSignal.any([signal, ended.signal]));
  const index = new Promise<IndexText>((resolve, reject) => {
    worker.on('message', (message: FromWorker) => {
      try {
        if ('index' in message) resolve(message.index);
        else onRead(message.read);
      } catch (error) {
        reject(error);
      }
    });
    worker.on('error', reject);
    worker.on('exit', (code) => reject(new Error(`the thread ended with ${code}`)));
    feeding.catch(reject);
  });
  try {
    return await index;
  } finally {
    ended.abort();
    // One that is terminated would leave its igzip behind, for a moment, and then a zombie.
    if (job.igzip === undefined) await worker.terminate();
    else worker.postMessage('stop' satisfies ToWorker);
    await exited;
    running -= 1;
  }
}

/** Bytes that are waited for: a message costs more than a read does. */
const worthTelling = 2 ** 20;

async function feed(
  worker: Worker,
  size: number,
  arrival: Arrival,
  signal: AbortSignal,
): Promise<void> {
  for (let there = 0; there < size; ) {
    there = await arrival.until(Math.min(there + worthTelling, size), signal);
    const message: ToWorker = { there, isComplete: false };
    worker.postMessage(message);
  }
  await arrival.until('complete', signal);
  const message: ToWorker = { there: size, isComplete: true };
  worker.postMessage(message);
}
