import { ConvertError } from '../error.ts';
import type { Contents } from '../tree/contents.ts';
import type { Tree } from '../tree/tree.ts';
import type { DotnetApp } from './app.ts';
import type { Architecture } from './architecture.ts';
import { folderOf } from './command.ts';
import { type Files, filesOfTree, isFile } from './files.ts';
import { hostFilesFor } from './host-files.ts';
import { baseFramework, type DotnetFolder, readDotnetFolder } from './installed.ts';
import { runtimeMissing } from './messages.ts';
import { defaultDotnetRoot } from './muxer.ts';
import { type Resolution, resolveFrameworks } from './resolve.ts';
import { findApphostFolder, findDotnetFolders, findHostRuntimes } from './runtimes.ts';
import { settingsOf } from './settings.ts';

/** Where a runtime may come from; `auto` is the image, then what is kept in the store, then the host. */
export type RuntimeSource =
  | 'auto'
  | 'image'
  | 'host'
  | { readonly folder: DotnetFolder }
  | RuntimePlace;

/** A root file system in the store: that of another image, or of a kept runtime. */
export interface RuntimePlace {
  /** Of a kept runtime: `runtime/NAME`. */
  readonly name?: string;
  readonly tree: Tree;
  readonly contents: Contents;
}

export interface RuntimeOptions {
  readonly source: RuntimeSource;
  /** Kept runtimes that `auto` tries, in this order. */
  readonly kept?: readonly RuntimePlace[];
  /** The environment of this process: PATH and DOTNET_ROOT lead to the host's runtimes. */
  readonly hostEnv: Readonly<Record<string, string | undefined>>;
}

/** `folder` is one the user named on the host, `reference` another image, `kept` one in the store. */
export type RuntimeOrigin = 'image' | 'host' | 'folder' | 'reference' | 'kept';

/** The runtime an app is built with. */
export interface ChosenRuntime {
  readonly from: RuntimeOrigin;
  /** Of a kept one: `runtime/NAME`. */
  readonly name?: string;
  /** Where it lies now, absolute in `files`. */
  readonly path: string;
  readonly files: Files;
  /**
   * Where it lies in the built image. When `from` is not `image`, whatever the image has there goes
   * first: `dotnet` loads the highest `host/fxr` it finds.
   */
  readonly root: string;
  /** The version of `host/fxr`. */
  readonly hostfxr: string;
  /** In the order of the host: the base framework last. */
  readonly frameworks: readonly { readonly name: string; readonly version: string }[];
  /** What of the folder is used: files and folders relative to `path` and `root`. */
  readonly parts: readonly string[];
}

/** A .NET folder that may serve. */
export interface RuntimeCandidate {
  readonly from: RuntimeOrigin;
  /** Of a kept one: `runtime/NAME`. */
  readonly name?: string;
  readonly files: Files;
  readonly folder: DotnetFolder;
}

/**
 * The runtime `app` runs on: the first folder of `source` whose frameworks satisfy the host's own rules.
 * @returns undefined for an app that needs none.
 * @throws ConvertError `RUNTIME_NOT_FOUND` where there is no .NET at all, `FRAMEWORK_NOT_FOUND` and
 * `FRAMEWORK_CONFLICT` as the host would, `RUNTIMECONFIG_INVALID`.
 */
export function chooseRuntime(
  app: DotnetApp,
  tree: Tree,
  contents: Contents,
  options: RuntimeOptions,
): ChosenRuntime | undefined {
  return app.needsRuntime
    ? chooseAmong(app, candidatesOf(app, tree, contents, options))
    : undefined;
}

/** Without I/O of its own: `candidates` are in the order of preference. For errors see `chooseRuntime`. */
function chooseAmong(app: DotnetApp, candidates: readonly RuntimeCandidate[]): ChosenRuntime {
  const settings = settingsOf(app.env, app.hostOptions);
  const tried = candidates.map((candidate) => ({
    candidate,
    resolution: withBase(resolveFrameworks(app.frameworks, settings, candidate.folder)),
  }));
  for (const { candidate, resolution } of tried) {
    if (resolution.kind === 'resolved') {
      return chosen(candidate, resolution);
    }
  }
  throw runtimeMissing(app, tried);
}

/** Without the base framework there is no `libhostpolicy.so`, and nothing runs. */
function withBase(resolution: Resolution): Resolution {
  return resolution.kind === 'resolved' &&
    !resolution.chosen.some(({ name }) => name === baseFramework)
    ? { kind: 'missing', name: baseFramework, version: 'any' }
    : resolution;
}

function chosen(
  { from, name, files, folder }: RuntimeCandidate,
  { chosen }: Extract<Resolution, { kind: 'resolved' }>,
): ChosenRuntime {
  const frameworks = chosen.map(({ name, version }) => ({ name, version: version.text }));
  return {
    from,
    ...(name !== undefined && { name }),
    path: folder.path,
    files,
    root: from === 'image' ? folder.path : defaultDotnetRoot,
    hostfxr: folder.hostfxr.text,
    frameworks,
    parts: [
      'dotnet',
      `host/fxr/${folder.hostfxr.text}`,
      ...frameworks.map(({ name, version }) => `shared/${name}/${version}`),
    ],
  };
}

function candidatesOf(
  app: DotnetApp,
  tree: Tree,
  contents: Contents,
  { source, kept = [], hostEnv }: RuntimeOptions,
): readonly RuntimeCandidate[] {
  const image = (): RuntimeCandidate[] => {
    const files = filesOfTree(tree, contents, app.architecture);
    return foldersOfImage(app, files).map((folder) => ({ from: 'image', files, folder }));
  };
  const ownHost = hostFilesFor(app.architecture);
  const host = (): RuntimeCandidate[] =>
    findHostRuntimes(hostEnv, ownHost).map((folder) => ({ from: 'host', files: ownHost, folder }));
  const inPlace = (place: RuntimePlace) => ofPlace(place, app.architecture);
  switch (source) {
    case 'auto':
      return [...image(), ...kept.flatMap(inPlace), ...host()];
    case 'image':
      return image();
    case 'host':
      return host();
    default:
      return 'folder' in source
        ? [{ from: 'folder', files: ownHost, folder: source.folder }]
        : inPlace(source);
  }
}

/**
 * The one that the app would use in a container: `dotnet` looks nowhere but beside itself. All that may
 * serve where the image starts a `dotnet` that it has not.
 */
function foldersOfImage(app: DotnetApp, files: Files): readonly DotnetFolder[] {
  if (app.launcher === 'muxer' && !isFile(files, app.executable)) {
    return findDotnetFolders(files, app.env);
  }
  const folder =
    app.launcher === 'muxer'
      ? readDotnetFolder(files, folderOf(app.executable))
      : findApphostFolder(files, app.env, app.dotnetFolder);
  return folder === undefined ? [] : [folder];
}

function ofPlace(
  { name, tree, contents }: RuntimePlace,
  architecture: Architecture,
): RuntimeCandidate[] {
  const files = filesOfTree(tree, contents, architecture);
  return findDotnetFolders(files, new Map()).map((folder) => ({
    ...(name === undefined ? { from: 'reference' } : { from: 'kept', name }),
    files,
    folder,
  }));
}

/** The .NET folder at a path of this host. @throws ConvertError `RUNTIME_NOT_FOUND`. */
export function requireDotnetFolder(path: string, architecture: Architecture): DotnetFolder {
  const folder = readDotnetFolder(hostFilesFor(architecture), path);
  if (folder === undefined) {
    throw new ConvertError(
      'RUNTIME_NOT_FOUND',
      `reading the runtime at ${path}: found no .NET there, wanted a folder with dotnet, host/fxr and shared`,
      { hint: 'give the folder that `dotnet --list-runtimes` shows before /shared' },
    );
  }
  return folder;
}
