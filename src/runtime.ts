import { stat } from 'node:fs/promises';
import type { DiffID, Store } from '../store/index.ts';
import type { DotnetApp } from './dotnet/app.ts';
import { type ChosenRuntime, chooseRuntime, type RuntimeSource } from './dotnet/choose.ts';
import type { FoundLibrary } from './dotnet/closure.ts';
import { filesOfTree } from './dotnet/files.ts';
import { type LibraryPlan, planLibraries } from './dotnet/libraries.ts';
import { planPack } from './dotnet/pack.ts';
import { packOnce } from './packed-layer.ts';
import { obtain, type PullOptions } from './pull/pull.ts';
import { type Edit, editTree } from './tree/edit.ts';
import { lookup } from './tree/lookup.ts';
import type { OpenLayers } from './tree/open-layers.ts';
import type { Tree } from './tree/tree.ts';
import { walkTree } from './tree/walk.ts';

export interface RuntimeOptions extends PullOptions {
  /** `auto`, `image`, `host`, a folder of this host, or the reference of an image; `auto` when absent. */
  readonly runtime?: string;
  /** Environment of this process: PATH and DOTNET_ROOT lead to the host's runtimes. */
  readonly hostEnv: Readonly<Record<string, string | undefined>>;
}

/** An image's tree with all that .NET needs in it. */
export interface RunnableTree {
  readonly tree: Tree;
  /** Undefined for an app that brings its own. */
  readonly runtime: ChosenRuntime | undefined;
  /** What was added to the image's own layers. */
  readonly added: readonly DiffID[];
  /** What was found neither in the image nor elsewhere. */
  readonly lacking: Pick<LibraryPlan, 'missing' | 'hasOpenssl'>;
}

/**
 * Chooses the runtime of `app` and puts it, and the native libraries it needs, into the tree where the
 * image lacks them. What the host gives is packed as one layer, once: the same files are found again.
 * @throws ConvertError the codes of ".NET" in the table; those of `pull` for `--runtime REF`.
 */
export async function addRuntime(
  store: Store,
  open: OpenLayers,
  tree: Tree,
  app: DotnetApp,
  options: RuntimeOptions,
): Promise<RunnableTree> {
  const given = await openRuntimeSource(store, open, options);
  const { contents } = open;
  const runtime = chooseRuntime(app, tree, contents, {
    source: given.source,
    hostEnv: options.hostEnv,
  });
  const libraries = planLibraries(app, runtime, filesOfTree(tree, contents));
  const pack = planPack(runtime, libraries.added);
  const packed = pack === undefined ? [] : [await packOnce(store, pack, options)];
  const edits = [
    ...(runtime === undefined || runtime.from === 'image' ? [] : replaceRuntime(tree, runtime)),
    ...packedNodes(await open.flatten(packed)),
    ...(given.tree === undefined ? [] : referencedNodes(given.tree, runtime, libraries.added)),
  ];
  return {
    tree: editTree(tree, edits),
    runtime,
    added: [...packed, ...given.layers],
    lacking: libraries,
  };
}

interface GivenSource {
  readonly source: RuntimeSource;
  readonly tree?: Tree;
  readonly layers: readonly DiffID[];
}

async function openRuntimeSource(
  store: Store,
  open: OpenLayers,
  options: RuntimeOptions,
): Promise<GivenSource> {
  const { runtime = 'auto' } = options;
  if (runtime === 'auto' || runtime === 'image' || runtime === 'host') {
    return { source: runtime, layers: [] };
  }
  if (/^[./]/.test(runtime) || (await isFolder(runtime))) {
    return { source: { path: runtime }, layers: [] };
  }
  const image = await obtain(store, runtime, options);
  const layers = image.layers.map(({ diffID }) => diffID);
  const tree = await open.flatten(layers);
  return { source: { tree, contents: open.contents }, tree, layers };
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
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

/** What is taken from the image that `--runtime` names; its files stay where they lie in its layers. */
function referencedNodes(
  tree: Tree,
  runtime: ChosenRuntime | undefined,
  libraries: readonly FoundLibrary[],
): Edit[] {
  const parts = runtime?.from === 'reference' ? runtime.parts : [];
  return [
    ...parts.flatMap((part) =>
      nodeEdit(tree, `${runtime?.path}/${part}`, `${runtime?.root}/${part}`),
    ),
    ...libraries
      .filter(({ from }) => from === 'reference')
      .flatMap(({ path, soname }) => nodeEdit(tree, path, `/usr/lib/${soname}`)),
  ];
}

function nodeEdit(tree: Tree, from: string, to: string): Edit[] {
  const found = lookup(tree, from);
  return found === undefined ? [] : [{ op: 'set', path: to, node: found.node }];
}
