import type { Store } from '../../store/index.ts';
import type { DotnetApp } from '../dotnet/app.ts';
import type { Architecture } from '../dotnet/architecture.ts';
import { chooseRuntime, type RuntimeSource, requireDotnetFolder } from '../dotnet/choose.ts';
import { filesOfTree } from '../dotnet/files.ts';
import { inOrderOfUse, listKeptRuntimes } from '../dotnet/kept-runtimes.ts';
import { findDotnetFolders } from '../dotnet/runtimes.ts';
import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';
import type { OpenLayers } from '../tree/open-layers.ts';
import type { Tree } from '../tree/tree.ts';
import type { RuntimeOptions } from './add.ts';
import { parseRuntimeChoice } from './choice.ts';
import { openKept, openReference, type StoredRuntime } from './stored.ts';

export interface OpenedRuntimes {
  readonly source: RuntimeSource;
  /** What of it is in the store: that which was named, or all kept ones that may serve. */
  readonly stored: readonly StoredRuntime[];
}

/**
 * What `--runtime` names, open; undefined where it names nothing but `auto`.
 * @param architecture of the image it is for.
 * @throws ConvertError as `parseRuntimeChoice`, `openKept` and `openReference` do; `USAGE` for a file;
 * `RUNTIME_NOT_FOUND` for a folder or an image without .NET.
 */
export async function openNamedRuntime(
  store: Store,
  open: OpenLayers,
  options: RuntimeOptions,
  architecture: Architecture,
): Promise<OpenedRuntimes | undefined> {
  const choice = await parseRuntimeChoice(store, options.runtime ?? 'auto');
  switch (choice.kind) {
    case 'auto':
      return undefined;
    case 'image':
    case 'host':
      return { source: choice.kind, stored: [] };
    case 'folder':
      return { source: { folder: requireDotnetFolder(choice.path, architecture) }, stored: [] };
    case 'file':
      throw new ConvertError(
        'USAGE',
        `choosing the runtime ${choice.path}: found a file, wanted a folder, an image or a kept runtime`,
        { hint: `osv-convert runtime add ${shellWord(choice.path)}` },
      );
    case 'kept':
      return ofStored(await openKept(store, open, choice, options));
    default:
      return ofStored(
        requireDotnet(await openReference(store, open, choice.text, options), architecture),
      );
  }
}

/** What is tried where no runtime was named: the image's own, and all kept ones where that does not serve. */
export async function openAnyRuntime(
  store: Store,
  open: OpenLayers,
  tree: Tree,
  app: DotnetApp,
  options: RuntimeOptions,
): Promise<OpenedRuntimes> {
  const suffices = !app.needsRuntime || imageSuffices(open, tree, app, options);
  return { source: 'auto', stored: suffices ? [] : await openAllKept(store, open, app, options) };
}

function ofStored(one: StoredRuntime): OpenedRuntimes {
  return { source: one, stored: [one] };
}

function requireDotnet(one: StoredRuntime, architecture: Architecture): StoredRuntime {
  const files = filesOfTree(one.tree, one.contents, architecture);
  if (findDotnetFolders(files, new Map()).length > 0) return one;
  throw new ConvertError(
    'RUNTIME_NOT_FOUND',
    `choosing the runtime ${one.image.name}: found no .NET in that image, wanted one with dotnet, host/fxr and shared`,
    { hint: '--runtime mcr.microsoft.com/dotnet/aspnet:10.0' },
  );
}

/** Then nothing else is opened: a kept runtime that is damaged harms no build without it. */
function imageSuffices(
  { contents }: OpenLayers,
  tree: Tree,
  app: DotnetApp,
  { hostEnv }: RuntimeOptions,
): boolean {
  try {
    chooseRuntime(app, tree, contents, { source: 'image', hostEnv });
    return true;
  } catch (error) {
    if (error instanceof ConvertError) return false;
    throw error;
  }
}

/** Those for the processor of the app; a lock file leaves only those that it names. */
async function openAllKept(
  store: Store,
  open: OpenLayers,
  { architecture }: Pick<DotnetApp, 'architecture'>,
  options: RuntimeOptions,
): Promise<readonly StoredRuntime[]> {
  const { lock } = options;
  const kept = inOrderOfUse(await listKeptRuntimes(store)).filter(
    (one) => one.architecture === architecture,
  );
  const opened: StoredRuntime[] = [];
  for (const { name } of kept) {
    if (lock !== undefined && !Object.hasOwn(lock.images, name)) continue;
    opened.push(await openKept(store, open, { name }, options));
  }
  return opened;
}
