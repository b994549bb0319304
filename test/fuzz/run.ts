import { Worker } from 'node:worker_threads';

/** What a thread is to do. */
export interface Job {
  readonly name: string;
  readonly seed: number;
  /** Number of the first case. */
  readonly first: number;
  readonly cases: number;
  readonly seconds: number;
  /** Holds the number of the case that is being run. */
  readonly progress: Int32Array;
}

/** What a thread that came to its end says. */
export interface Report {
  readonly cases: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly failure?: string;
}

export interface Bounds {
  /** Of one case. */
  readonly seconds: number;
  /** Of the heap, in MiB. */
  readonly heap: number;
  /** Of the whole process, in MiB. */
  readonly memory: number;
}

const loading = -1;
const secondsToLoad = 60;

/** Runs the cases of a target until they, or the seconds, are over, or one fails or passes a bound. */
export async function runTarget(
  job: Omit<Job, 'progress'>,
  bounds: Bounds,
): Promise<Report & { readonly failedAt?: number }> {
  const progress = new Int32Array(new SharedArrayBuffer(4)).fill(loading);
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: { ...job, progress } satisfies Job,
    resourceLimits: { maxOldGenerationSizeMb: bounds.heap },
  });
  let watch: NodeJS.Timeout | undefined;
  const ended = new Promise<Report>((resolve) => {
    const fail = (failure: string) => {
      resolve({ cases: Math.max(0, progress[0] ?? 0) - job.first, outcomes: {}, failure });
    };
    worker.on('message', resolve);
    worker.on('error', (error) => fail(String(error)));
    worker.on('exit', () => fail('the thread ended'));
    watch = setInterval(watchOf(progress, bounds, fail), 50);
  });
  try {
    const report = await ended;
    return report.failure === undefined ? report : { ...report, failedAt: progress[0] ?? 0 };
  } finally {
    clearInterval(watch);
    await worker.terminate();
  }
}

function watchOf(progress: Int32Array, bounds: Bounds, fail: (failure: string) => void) {
  let seen = loading;
  let since = performance.now();
  return () => {
    const now = performance.now();
    const number = Atomics.load(progress, 0);
    if (number !== seen) {
      seen = number;
      since = now;
    }
    const most = number === loading ? secondsToLoad : bounds.seconds;
    if (now - since > most * 1000) fail(`no end after ${most} s`);
    const memory = process.memoryUsage.rss() / 2 ** 20;
    if (memory > bounds.memory) fail(`${Math.round(memory)} MiB of memory`);
  };
}
