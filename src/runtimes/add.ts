import type { DiffID, Digest, Store } from '../../store/index.ts';
import type { DotnetApp } from '../dotnet/app.ts';
import { type ChosenRuntime, chooseRuntime } from '../dotnet/choose.ts';
import type { FoundLibrary } from '../dotnet/closure.ts';
import { filesOfTree } from '../dotnet/files.ts';
import { hostFilesFor } from '../dotnet/host-files.ts';
import { type LibraryPlan, planLibraries } from '../dotnet/libraries.ts';
import { planPack } from '../dotnet/pack.ts';
import type { PullOptions } from '../pull/pull.ts';
import { type Edit, editTree } from '../tree/edit.ts';
import { lookup } from '../tree/lookup.ts';
import { symlink } from '../tree/nodes.ts';
import type { OpenLayers } from '../tree/open-layers.ts';
import type { Tree } from '../tree/tree.ts';
import { walkTree } from '../tree/walk.ts';
import { type OpenedRuntimes, openAnyRuntime } from './open.ts';
import { packOnce } from './packed-layer.ts';
import type { StoredRuntime } from './stored.ts';

export interface RuntimeOptions extends PullOptions {
  /**
   * As `parseRuntimeChoice` reads it; `auto` when absent: the image's own where it serves, else one of
   * those kept in the store, else the host's.
   */
  readonly runtime?: string;
  /** Environment of this process: PATH and DOTNET_ROOT lead to the host's runtimes. */
  readonly hostEnv: Readonly<Record<string, string | undefined>>;
}

/** An image's tree with all that .NET needs in it. */
export interface RunnableTree {
  readonly tree: Tree;
  /** Undefined for an app that brings its own. */
  readonly runtime: ChosenRuntime | undefined;
  /** By what the same runtime can be had again; empty for that of the image, which its digest tells. */
  readonly origin: RuntimeRecord;
  /** What was added to the image's own layers. */
  readonly added: readonly DiffID[];
  /** The native libraries among it, where they were found. */
  readonly libraries: readonly FoundLibrary[];
  /** What was found neither in the image nor elsewhere. */
  readonly lacking: Pick<LibraryPlan, 'missing' | 'hasOpenssl'>;
}

export interface RuntimeRecord {
  /** Of the image, or `runtime/NAME` of a kept one. */
  readonly name?: string;
  /** Of that image or kept runtime. */
  readonly manifest?: Digest;
  /** Of a runtime of the host: the layer that it was packed into. */
  readonly layer?: DiffID;
}

/**
 * Chooses the runtime of `app` and puts it, and the native libraries it needs, into the tree where the
 * image lacks them. What the host gives is packed as one layer, once: the same files are found again.
 * @param named what `--runtime` names, as `openNamedRuntime` opened it.
 * @param added paths of files the user added to the image: the libraries among them need others, too.
 * @throws ConvertError the codes of ".NET" in the table.
 */
export async function addRuntime(
  store: Store,
  open: OpenLayers,
  tree: Tree,
  app: DotnetApp,
  options: RuntimeOptions,
  named: OpenedRuntimes | undefined,
  added: readonly string[] = [],
): Promise<RunnableTree> {
  const { contents } = open;
  const { source, stored } = named ?? (await openAnyRuntime(store, open, tree, app, options));
  const runtime = chooseRuntime(app, tree, contents, {
    source,
    kept: stored,
    hostEnv: options.hostEnv,
  });
  const used = storedFrom(runtime, stored);
  const libraries = planLibraries(
    app,
    runtime,
    filesOfTree(tree, contents, app.architecture),
    hostFilesFor(app.architecture),
    added,
  );
  const pack = planPack(runtime, libraries.added);
  const packed = pack === undefined ? undefined : await packOnce(store, pack, options);
  warnIfUnlocked(runtime, options);
  const layers = packed === undefined ? [] : [packed];
  const edits = [
    ...(runtime === undefined || runtime.from === 'image' ? [] : replaceRuntime(tree, runtime)),
    ...packedNodes(await open.flatten(layers)),
    ...(used && runtime ? storedNodes(used.tree, runtime, libraries.added) : []),
  ];
  return {
    tree: editTree(tree, edits),
    runtime,
    origin: originOf(runtime, used, packed),
    added: [...layers, ...(used?.image.layers ?? []).map(({ diffID }) => diffID)],
    libraries: libraries.added,
    lacking: libraries,
  };
}

function storedFrom(
  runtime: ChosenRuntime | undefined,
  stored: readonly StoredRuntime[],
): StoredRuntime | undefined {
  return runtime?.from === 'reference' || runtime?.from === 'kept'
    ? stored.find(({ name }) => name === runtime.name)
    : undefined;
}

function originOf(
  runtime: ChosenRuntime | undefined,
  used: StoredRuntime | undefined,
  packed: DiffID | undefined,
): RuntimeRecord {
  if (used !== undefined) return { name: used.image.name, manifest: used.image.descriptor.digest };
  const isPacked = runtime?.from === 'host' || runtime?.from === 'folder';
  return isPacked && packed !== undefined ? { layer: packed } : {};
}

/** A lock file fixes what is in a store, not what lies on a host. */
function warnIfUnlocked(
  runtime: ChosenRuntime | undefined,
  { lock, onEvent }: RuntimeOptions,
): void {
  if (lock === undefined || (runtime?.from !== 'host' && runtime?.from !== 'folder')) return;
  onEvent?.({
    event: 'warning',
    text:
      `the runtime is that of ${runtime.path} on this host, which ${lock.path} cannot fix; ` +
      'osv-convert runtime add keeps it, and pull --lock locks it as store:runtime/NAME',
  });
}

/** What the image has in the runtime's place goes first: `dotnet` loads the highest host/fxr it finds. */
function replaceRuntime(tree: Tree, runtime: ChosenRuntime): Edit[] {
  return lookup(tree, runtime.root) === undefined ? [] : [{ op: 'remove', path: runtime.root }];
}

/** Every file and link of a packed layer, each to be set at its own path. */
function packedNodes(packed: Tree): Edit[] {
  return [...walkTree(packed)].flatMap(({ path, node }): Edit[] =>
    node.kind === 'directory' ? [] : [{ op: 'set', path, node }],
  );
}

/** What is taken from a root file system in the store; its files stay where they lie in its layers. */
function storedNodes(
  tree: Tree,
  { path: from, root, parts }: ChosenRuntime,
  libraries: readonly FoundLibrary[],
): Edit[] {
  return [
    ...parts.flatMap((part) => nodeEdit(tree, `${from}/${part}`, `${root}/${part}`)),
    { op: 'set', path: '/usr/bin/dotnet', node: symlink(`${root}/dotnet`) },
    ...libraries
      .filter((library) => library.from === 'reference')
      .flatMap(({ path, soname }) => nodeEdit(tree, path, `/usr/lib/${soname}`)),
  ];
}

function nodeEdit(tree: Tree, from: string, to: string): Edit[] {
  const found = lookup(tree, from);
  return found === undefined ? [] : [{ op: 'set', path: to, node: found.node }];
}
