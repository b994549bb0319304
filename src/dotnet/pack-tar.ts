import { type FileHandle, open } from 'node:fs/promises';
import { tarEnd, tarHeader, tarPadding } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import type { PackEntry, PackPlan } from './pack.ts';

const chunkSize = 1 << 20;

/** Everything of the host that could tell one machine from another is left out. */
const ofRoot = { uid: 0, gid: 0, mtime: 0 };

/**
 * The plan as an uncompressed tar. The same files give the same bytes, on every host.
 * @throws ConvertError `RUNTIME_NOT_FOUND` when a file has changed its size since it was planned.
 */
export async function* packTar(
  plan: PackPlan,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  for (const entry of plan.entries) {
    options.signal?.throwIfAborted();
    switch (entry.kind) {
      case 'directory':
        yield tarHeader({ ...entry, ...ofRoot, mode: 0o755 });
        break;
      case 'symlink':
        yield tarHeader({ ...entry, ...ofRoot, mode: 0o777 });
        break;
      case 'file':
        yield tarHeader({
          kind: 'file',
          path: entry.path,
          size: entry.size,
          mode: entry.mode,
          ...ofRoot,
        });
        yield* bytesOf(entry, options.signal);
        yield tarPadding(entry.size);
    }
  }
  yield tarEnd;
}

async function* bytesOf(
  { source, size }: Extract<PackEntry, { kind: 'file' }>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const handle = await open(source, 'r');
  try {
    let done = 0;
    for (let chunk = await next(handle); chunk.length > 0; chunk = await next(handle)) {
      signal?.throwIfAborted();
      done += chunk.length;
      if (done > size) {
        break;
      }
      yield chunk;
    }
    if (done !== size) {
      throw new ConvertError(
        'RUNTIME_NOT_FOUND',
        `packing the runtime: ${source} had ${size} bytes when it was looked at and has others now`,
        { hint: 'wait until the .NET installation is finished, then build again' },
      );
    }
  } finally {
    await handle.close();
  }
}

async function next(handle: FileHandle): Promise<Uint8Array> {
  const { buffer, bytesRead } = await handle.read(new Uint8Array(chunkSize));
  return buffer.subarray(0, bytesRead);
}
