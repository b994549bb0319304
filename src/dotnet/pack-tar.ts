import { tarEnd, tarHeader, tarPadding } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import type { PackEntry, PackPlan } from './pack.ts';
import { settle } from './settle.ts';

const chunkSize = 1 << 20;

/** Everything of the host that could tell one machine from another is left out. */
const ofRoot = { uid: 0, gid: 0, mtime: 0 };

export interface PackTarOptions {
  readonly signal?: AbortSignal;
  /** The error for a file that was changed meanwhile, of what was found. */
  readonly failure?: Failure;
}

type Failure = (found: string) => ConvertError;

/**
 * The plan as an uncompressed tar. The same files give the same bytes, on every host. It ends only when
 * all files are still what was planned: an update of the host meanwhile leaves no mixture of two runtimes.
 * So that each change shows, files that changed just now are left to settle first.
 * @throws ConvertError `RUNTIME_NOT_FOUND`, or what `failure` makes of it, when a file was changed since it
 * was planned; StoreError `STORE_CORRUPT` when one in the store is damaged.
 */
export async function* packTar(
  plan: Pick<PackPlan, 'entries'>,
  { signal, failure = runtimeChanged }: PackTarOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  await settle(plan.entries.flatMap(changedOf), signal);
  for (const entry of plan.entries) {
    signal?.throwIfAborted();
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
        yield* bytesOf(entry, failure, signal);
        yield tarPadding(entry.size);
    }
  }
  requireUnchanged(plan, failure);
  yield tarEnd;
}

type FileEntry = Extract<PackEntry, { kind: 'file' }>;

function changedOf(entry: PackEntry): readonly number[] {
  return entry.kind === 'file' && entry.changed !== undefined ? [entry.changed] : [];
}

async function* bytesOf(
  { source, files, size }: FileEntry,
  failure: Failure,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  let done = 0;
  do {
    signal?.throwIfAborted();
    const chunk = files.read(source, (access) =>
      access.size === size ? access.read(done, chunkSize) : undefined,
    );
    if (chunk === undefined || (chunk.length === 0 && done < size)) {
      throw failure(`${source} had ${size} bytes when it was looked at and has others now`);
    }
    done += chunk.length;
    yield chunk;
  } while (done < size);
}

function requireUnchanged({ entries }: Pick<PackPlan, 'entries'>, failure: Failure): void {
  for (const entry of entries) {
    if (entry.kind !== 'file' || entry.changed === undefined) {
      continue;
    }
    if (entry.files.find(entry.source)?.changed !== entry.changed) {
      throw failure(`${entry.source} was changed while it was packed`);
    }
  }
}

function runtimeChanged(found: string): ConvertError {
  return new ConvertError('RUNTIME_NOT_FOUND', `packing the runtime: ${found}`, {
    hint: 'wait until the .NET installation is finished, then run the command again',
  });
}
