import { Buffer } from 'node:buffer';
import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import type { OpenFile } from '../files/files.ts';
import type { Limits } from '../limits.ts';
import { shell } from './igzip-program.ts';

export interface IgzipJob {
  readonly program: string;
  /** Empty, of this host; it has what came out in the end. */
  readonly file: OpenFile;
  /** More is never written to `file`. */
  readonly mostBytes: number;
  readonly signal: AbortSignal;
}

const chunkSize = 2 ** 20;

/** The unit of `ulimit -f` (POSIX). */
const limitUnit = 512;

/**
 * Inflates gzip with the program igzip, which writes to `file` itself; what is given out is read back,
 * at the pace at which `source` is taken, and may be overwritten by the next. Its limit is the kernel's
 * (RLIMIT_FSIZE), set by a shell. It ends when its input does, thus also with this process, however
 * that ends.
 * @throws Error of whatever kind: what is wrong with the data, `inflate` tells without it.
 */
export async function* inflateWithIgzip(
  source: AsyncIterable<Uint8Array>,
  job: IgzipJob,
): AsyncGenerator<Uint8Array, void> {
  const { file } = job;
  const child = start(job);
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  // One that cannot be started ends, too; of input that is not taken, `give` tells.
  for (const failing of [child, child.stdin]) failing.on('error', () => undefined);
  const kill = (): boolean => child.kill('SIGKILL');
  job.signal.addEventListener('abort', kill, { once: true });
  const buffer = Buffer.allocUnsafe(chunkSize);
  let read = 0;

  function* written(): Generator<Uint8Array, void> {
    for (const size = file.size(); read < size; ) {
      const count = file.read(buffer.subarray(0, size - read), read);
      if (count === 0) return;
      read += count;
      yield buffer.subarray(0, count);
    }
  }

  try {
    for await (const chunk of source) {
      await give(child.stdin, chunk);
      yield* written();
    }
    child.stdin.end();
    const code = await closed;
    if (code !== 0) throw new Error(`igzip ended with ${code ?? 'a signal'}`);
    yield* written();
  } finally {
    job.signal.removeEventListener('abort', kill);
    kill();
    await closed;
  }
}

/** The most that may come out of `size` bytes. */
export function mostInflated(size: number, limits: Limits): number {
  return Math.min(limits.layerSize, Math.max(limits.ratioFloor, limits.ratio * size));
}

function start({ program, file, mostBytes }: IgzipJob) {
  const script = 'ulimit -f "$1" && exec "$2" -dc >"$3"';
  const units = Math.ceil(mostBytes / limitUnit);
  const words = ['-c', script, 'sh', `${units}`, program, file.path];
  return spawn(shell, words, { stdio: ['pipe', 'ignore', 'ignore'] });
}

function give(input: Writable, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    input.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
