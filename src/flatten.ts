import type { Store } from '../store/index.ts';
import { writeFileOf } from './copy/output-layout.ts';
import { writeDisk } from './disk/output.ts';
import { openOutputFile } from './disk/output-file.ts';
import { withAttributes, withTimes } from './export/attributes.ts';
import { writeFolder } from './export/folder.ts';
import { gzipped } from './export/gzip.ts';
import { measureTree } from './export/measure.ts';
import { checkNewFolder } from './export/private-folder.ts';
import { readThrough } from './export/read-through.ts';
import { treeTar } from './export/tar.ts';
import { checkOutput, type FlattenType, flattenTypeOf } from './flatten-output.ts';
import { type View, withView } from './look/view.ts';
import type { PullOptions } from './pull/pull.ts';
import { planRofs } from './rofs/plan.ts';
import { rofsSegments } from './rofs/write.ts';
import type { Tree } from './tree/tree.ts';

/** Times are in seconds since 1970. */
export interface FlattenOptions extends PullOptions {
  /** By the name of the output when absent: `flattenTypeOf`. */
  readonly type?: FlattenType;
  /** In place of every time. */
  readonly mtime?: number;
  /** In place of every time after it, as SOURCE_DATE_EPOCH has it (reproducible-builds.org). */
  readonly latestMtime?: number;
}

export interface Flattened {
  readonly output: string;
  readonly type: FlattenType;
  /** What was flattened, as it was asked for. */
  readonly subject: string;
  readonly kind: View['kind'];
  /** Names that are neither folders nor symbolic links. */
  readonly files: number;
  /** Of the file that was written, or of all files in the folder. */
  readonly bytes: number;
  /** What could not be kept as it is, a sentence each; also told as events. */
  readonly warnings: readonly string[];
}

/**
 * Writes the merged tree of an image, or the tree of a layer or a disk (`withView`), to `output`, which
 * appears only when it is whole. The same subject and times give the same bytes.
 * @throws ConvertError `USAGE`, `OUTPUT_UNUSABLE`, `OUTPUT_FULL`, `ROFS_LIMIT`, `LAYER_CORRUPT`, and what
 * `withView` throws; StoreError. Nothing half-written stays.
 */
export async function flatten(
  store: Store,
  subject: string,
  output: string,
  options: FlattenOptions = {},
): Promise<Flattened> {
  const type = options.type ?? flattenTypeOf(output);
  checkOutput(subject, output);
  if (type === 'dir') checkNewFolder(output);
  else openOutputFile(output).discard();
  const flattened = await withView(store, subject, options, async (view) => {
    const tree = writable(view, options);
    const { files, bytes } = measureTree(tree);
    const job = { ...view, tree, output, type, bytes, options };
    return { output, type, subject, kind: view.kind, files, ...(await writers[type](job)) };
  });
  for (const text of flattened.warnings) options.onEvent?.({ event: 'warning', text });
  return flattened;
}

/**
 * Writes the tree as a tar to `write`, a piece at a time. Every file is read and verified before the
 * first of them, for what is written cannot be taken back.
 * @throws ConvertError and StoreError as `flatten` does; what `write` throws.
 */
export async function flattenToStream(
  store: Store,
  subject: string,
  write: (piece: Uint8Array) => Promise<void>,
  options: FlattenOptions = {},
): Promise<void> {
  await withView(store, subject, options, async (view) => {
    await readThrough(view, options.signal);
    const tar = treeTar(writable(view, options), view);
    for await (const piece of options.type === 'tar.gz' ? gzipped(tar) : tar) {
      options.signal?.throwIfAborted();
      await write(piece);
    }
  });
}

/** A ROFS has one mode for all, which forbids owners of a folder to remove it. */
function writable(view: View, options: FlattenOptions): Tree {
  if (view.hasAttributes) return retimed(view.tree, options);
  const tree = withAttributes(view.tree, ({ kind, mode }) => {
    return { mode: kind === 'symlink' ? 0o777 : mode | 0o200 };
  });
  return retimed(tree, options);
}

function retimed(tree: Tree, { mtime, latestMtime }: FlattenOptions): Tree {
  if (mtime !== undefined) return withTimes(tree, () => mtime);
  if (latestMtime !== undefined) return withTimes(tree, (time) => Math.min(time, latestMtime));
  return tree;
}

interface Job extends Pick<View, 'tree' | 'contents'> {
  readonly output: string;
  /** Of all files. */
  readonly bytes: number;
  readonly options: FlattenOptions;
}

type Written = Pick<Flattened, 'bytes' | 'warnings'>;

const writers: Readonly<Record<FlattenType, (job: Job) => Promise<Written>>> = {
  dir: toFolder,
  tar: (job) => toTar(job, (tar) => tar),
  'tar.gz': (job) => toTar(job, gzipped),
  rofs: toRofs,
};

async function toFolder({ tree, contents, output, options }: Job): Promise<Written> {
  const { signal, onEvent } = options;
  const warnings: string[] = [];
  const { bytes } = await writeFolder(tree, output, {
    contents,
    ...(signal && { signal }),
    onProgress: (progress) => onEvent?.({ event: 'write', path: output, ...progress }),
    onWarning: (text) => warnings.push(text),
  });
  return { bytes, warnings };
}

type Bytes = AsyncIterable<Uint8Array>;

/** Progress is of the bytes of files, for nobody knows how many a tar will have. */
async function toTar(
  { tree, contents, output, bytes, options }: Job,
  packed: (tar: Bytes) => Bytes,
): Promise<Written> {
  const { signal, onEvent } = options;
  async function* told(): Bytes {
    let written = 0;
    for await (const piece of treeTar(tree, { contents })) {
      yield piece;
      written = Math.min(bytes, written + piece.length);
      onEvent?.({ event: 'write', path: output, written, size: bytes });
    }
  }
  const size = await writeFileOf(output, packed(told()), { ...(signal && { signal }) });
  return { bytes: size, warnings: [] };
}

async function toRofs({ tree, contents, output, options }: Job): Promise<Written> {
  const { signal, onEvent } = options;
  const plan = planRofs(tree);
  const disk = { size: plan.size, segments: () => rofsSegments(plan) };
  const { bytes } = await writeDisk(disk, output, {
    format: 'raw',
    contents,
    ...(signal && { signal }),
    onProgress: (progress) => onEvent?.({ event: 'write', path: output, ...progress }),
  });
  const { length } = plan.skipped;
  const warnings = [`devices and pipes are left out (${length}): a ROFS has none`];
  return { bytes, warnings: length > 0 ? warnings : [] };
}
