import { parentPort, workerData } from 'node:worker_threads';
import { blamedFiles } from '../files/blamed.ts';
import { nodeFiles } from '../files/node.ts';
import { inflate } from '../inflate/inflate.ts';
import { arriving, createArrival } from './arrival.ts';
import { takeTar } from './ingest.ts';
import type { FromWorker, ToWorker, UnpackJob } from './unpack-in-worker.ts';

/*
 * What a thread of its own runs for each large layer: it reads the file of the blob, and writes the
 * file of the tar. Names, locks and commits are the matter of who started it.
 */

const { paths, size, target, limits, igzip }: UnpackJob = workerData;
const say = (message: FromWorker): void => parentPort?.postMessage(message);

const files = blamedFiles(nodeFiles);
const arrival = createArrival();
const stopped = new AbortController();
parentPort?.on('message', (message: ToWorker) => {
  if (message === 'stop') {
    arrival.fail(new Error('stopped'));
    stopped.abort();
  } else {
    arrival.received(message.there);
    if (message.isComplete) arrival.complete();
  }
});

const file = files.update(target);
try {
  const onRead = (read: number): void => say({ read });
  const bytes = arriving(arrival, { files, paths, size, onRead });
  let isWritten = false;
  const gunzipWith = (program: string) =>
    async function* (source: AsyncIterable<Uint8Array>) {
      isWritten = true;
      const { inflateWithIgzip, mostInflated } = await import('../inflate/igzip.ts');
      const mostBytes = mostInflated(size, limits);
      yield* inflateWithIgzip(source, { program, file, mostBytes, signal: stopped.signal });
    };
  let written = 0;
  const draft = {
    write(bytes: Uint8Array) {
      if (isWritten) return;
      file.write(bytes, written);
      written += bytes.length;
    },
  };
  const tar = inflate(bytes, limits, {
    isVerified: true,
    ...(igzip !== undefined && { gunzip: gunzipWith(igzip) }),
  });
  const index = await takeTar(tar, draft, limits, undefined);
  say({ index });
} finally {
  file.close();
  parentPort?.close();
}
