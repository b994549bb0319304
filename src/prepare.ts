import type { Store } from '../store/index.ts';
import { type AdditionRecord, type Additions, layAdditions } from './additions/lay.ts';
import type { DotnetApp } from './dotnet/app.ts';
import { architectureOfPlatform } from './dotnet/architecture.ts';
import { describeApp } from './dotnet/describe.ts';
import { filesOfTree } from './dotnet/files.ts';
import { removeMuslLibraries } from './dotnet/musl-libraries.ts';
import type { Examined } from './findings.ts';
import { composeGuest, type Guest } from './guest.ts';
import { definedOf, type ExecutionOverrides, overrideExecution } from './oci/execution.ts';
import { unbundle } from './osv/bundle.ts';
import type { Kernel } from './osv/kernel.ts';
import { readKernelExports } from './osv/kernel-exports.ts';
import type { ReachOptions } from './osv/reach/reachable.ts';
import { unmatchedGlobs } from './osv/reach/unmatched.ts';
import type { DataFolders } from './osv/root-data.ts';
import type { StoredImage } from './pull/image.ts';
import { addRuntime, type RunnableTree, type RuntimeOptions } from './runtimes/add.ts';
import { openNamedRuntime } from './runtimes/open.ts';
import { editTree } from './tree/edit.ts';
import type { OpenLayers } from './tree/open-layers.ts';
import type { Tree } from './tree/tree.ts';

/** What the user wants otherwise than the image says, and where the rest comes from. */
export interface GuestWishes extends RuntimeOptions, ExecutionOverrides, Additions {
  /** Name of a kernel in the store; the default one when absent. */
  readonly kernel?: string;
  /** What of the image goes on the disk; `reachable` when absent. */
  readonly include?: 'reachable' | 'all';
  /** Globs of paths that are kept, and left out, whatever is known of them. */
  readonly keep?: readonly string[];
  readonly drop?: readonly string[];
  /** What the machine will have, in MiB; without it the heap has no limit but the machine's. */
  readonly memory?: number;
  readonly cpus?: number;
  /** Folders that are to be writable, in the memory of the machine: as `parseTmpfs` gives them. */
  readonly tmpfs?: readonly string[];
  /** Folders of which the machine brings the data, on a disk that is written. */
  readonly volumes?: readonly Volume[];
  /** And from folders of the host, which are read. */
  readonly shares?: readonly string[];
}

export interface Volume {
  /** As `parseMountPath` gives it. */
  readonly path: string;
  /** Bytes that it is to have where it is made. */
  readonly size?: number;
}

/** An image on its way to a disk: all the way, or up to what stopped it. */
export type Prepared = Ready | Stopped;

export interface Ready extends Examined {
  readonly kind: 'ready';
  readonly app: DotnetApp;
  readonly runnable: RunnableTree;
  readonly guest: Guest;
  /** What was laid over the image, in order. */
  readonly additions: readonly AdditionRecord[];
}

export interface Stopped extends Examined {
  readonly kind: 'stopped';
  /** What was thrown on the way. */
  readonly reason: unknown;
}

/**
 * Image → tree → app → runtime → guest, the part of the way that `build`, `check` and `inspect` share.
 * What is wrong with the image stops it, and is told together with what was found before; what is wrong
 * with the wishes is thrown.
 * @param kernel undefined where there is none: what depends on it stays unchecked.
 */
export async function prepare(
  store: Store,
  open: OpenLayers,
  image: StoredImage,
  kernel: Kernel | undefined,
  wishes: GuestWishes,
): Promise<Prepared> {
  const { contents } = open;
  const { env = new Map(), memory, cpus, tmpfs } = wishes;
  const data = dataFoldersOf(wishes);
  const flat = await open.flatten(image.layers.map(({ diffID }) => diffID));
  const { tree, added, records } = await layAdditions(store, open, flat, wishes);
  const exports = kernel && (await readKernelExports(store, kernel));
  const config = overrideExecution(image.config.config, wishes);
  const architecture = architectureOfPlatform(image.platform);
  const ofImage = { ...wishes, platform: image.platform };
  const named = await openNamedRuntime(store, open, ofImage, architecture);
  let found: Examined = { config, tree, contents, exports, added, tmpfs, data };
  let app: DotnetApp | undefined;
  let runnable: RunnableTree | undefined;
  try {
    app = describeApp(found.tree, contents, found.config, architecture);
    found = { ...found, tree: editTree(found.tree, unbundle(found.tree, contents, app)) };
    const musl = removeMuslLibraries(filesOfTree(found.tree, contents, architecture));
    const clean = editTree(found.tree, musl);
    runnable = await addRuntime(store, open, clean, app, wishes, named, [...added]);
    warnOfUnmatched(runnable.tree, wishes);
    const guest = composeGuest(app, runnable, contents, kernel, {
      env: definedOf(env),
      reach: reachOf(wishes, added),
      exports,
      memory,
      cpus,
      tmpfs,
      data,
      added,
    });
    return { kind: 'ready', ...found, app, runnable, guest, additions: records };
  } catch (reason) {
    return { kind: 'stopped', ...found, app, runnable, reason };
  }
}

function dataFoldersOf({ volumes = [], shares = [] }: GuestWishes): DataFolders {
  return { volumes: volumes.map(({ path }) => path), shares };
}

/** Of all files, too, some may be dropped. */
function reachOf(
  { include, keep = [], drop = [] }: GuestWishes,
  added: ReadonlySet<string>,
): ReachOptions | undefined {
  if (include !== 'all') return { keep, drop, added };
  return drop.length === 0 ? undefined : { keep: ['/**'], drop };
}

function warnOfUnmatched(tree: Tree, { keep = [], drop = [], onEvent }: GuestWishes): void {
  for (const [option, globs] of [
    ['--keep', keep],
    ['--drop', drop],
  ] as const) {
    for (const glob of unmatchedGlobs(tree, globs)) {
      const text = `${option} ${glob} matches nothing of the image or its runtime`;
      onEvent?.({ event: 'warning', text });
    }
  }
}
