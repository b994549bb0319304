import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { pipeline } from 'node:stream';
import { corruptStream } from './error.ts';

/** Inflates with the program `zstd`. @throws StoreError `LAYER_CORRUPT`. */
export async function* inflateWithProgram(
  source: AsyncIterable<Uint8Array>,
  windowLog: number,
): AsyncGenerator<Uint8Array, void> {
  const memory = `--memory=${2 ** windowLog}`;
  const child = spawn('zstd', ['--decompress', '--stdout', '--quiet', memory], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  // It is awaited below, but a program that cannot be started is known before.
  closed.catch(() => {});
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(0, 1000);
  });
  let failure: unknown;
  const watched = async function* () {
    try {
      yield* source;
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  // A program that gave up early closes its end; its own words on the reason say more.
  pipeline(watched(), child.stdin, () => {});
  try {
    yield* child.stdout;
    const [status] = await closed;
    if (failure !== undefined) {
      throw failure;
    }
    if (status !== 0) {
      throw corruptStream('zstd', 0, complaint.trim() || `zstd ending with status ${status}`);
    }
  } finally {
    child.kill();
  }
}

/** Whether `zstd` is on the PATH and starts. */
export async function programInflatesZstd(): Promise<boolean> {
  const child = spawn('zstd', ['--version'], { stdio: 'ignore' });
  try {
    const [status] = await once(child, 'close');
    return status === 0;
  } catch {
    return false;
  }
}
