import { defaultFolders, definedIn, dotnetPathsOf, registeredIn, rootsOf } from './dotnet-paths.ts';
import type { Files } from './files.ts';
import { hostFiles } from './host-files.ts';
import { type DotnetFolder, readDotnetFolder } from './installed.ts';

/**
 * The .NET folders of a file system, the one that its user would get first: the folder of `dotnet` on
 * PATH, what variables and files name, the usual places.
 */
export function findDotnetFolders(
  files: Files,
  env: ReadonlyMap<string, string>,
): readonly DotnetFolder[] {
  return dotnetPathsOf(files, env)
    .map((path) => readDotnetFolder(files, path))
    .filter((folder) => folder !== undefined);
}

/**
 * The one .NET folder that an apphost uses: `own`, which its project names, DOTNET_ROOT_X64 (or _ARM64),
 * DOTNET_ROOT, /etc/dotnet/install_location*, the default of its build. A variable counts when what it names
 * is there, whatever that is; PATH never does (dotnet/runtime, fxr_resolver.cpp; as seen of .NET 10).
 */
export function findApphostFolder(
  files: Files,
  env: ReadonlyMap<string, string>,
  own: string | undefined,
): DotnetFolder | undefined {
  const isThere = (path: string): boolean => path.startsWith('/') && files.find(path) !== undefined;
  const root =
    [own ?? [], rootsOf(files, env)].flat().find(isThere) ??
    registeredIn(files)[0] ??
    defaultFolders.find(isThere);
  return root === undefined ? undefined : readDotnetFolder(files, root);
}

/**
 * The .NET folders of this machine; `env` is the environment of this process.
 * @param host its files, for the processor that is wanted.
 */
export function findHostRuntimes(
  env: Readonly<Record<string, string | undefined>>,
  host: Files = hostFiles,
): readonly DotnetFolder[] {
  return findDotnetFolders(host, definedIn(env));
}
