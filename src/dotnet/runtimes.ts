import { type Files, readWhole } from './files.ts';
import { hostFiles } from './host-files.ts';
import { type DotnetFolder, readDotnetFolder } from './installed.ts';

/** Of Microsoft, of Ubuntu, of Fedora. */
const defaultFolders = ['/usr/share/dotnet', '/usr/lib/dotnet', '/usr/lib64/dotnet'];

const locationFiles = ['/etc/dotnet/install_location_x64', '/etc/dotnet/install_location'];

const locationCap = 4096;

/**
 * The .NET folders of a file system, the one that its user would get first: the folder of `dotnet` on
 * PATH, what variables and files name, the usual places.
 */
export function findDotnetFolders(
  files: Files,
  env: ReadonlyMap<string, string>,
): readonly DotnetFolder[] {
  const named = [
    ...(env.get('PATH') ?? '/usr/local/bin:/usr/bin:/bin')
      .split(':')
      .flatMap((folder) => folderOfMuxer(files, `${folder}/dotnet`)),
    ...rootsOf(env),
    ...registeredIn(files),
    ...defaultFolders,
    '/usr/local/share/dotnet',
  ];
  const paths = named
    .filter((path) => path.startsWith('/'))
    .flatMap((path) => files.find(path)?.path ?? []);
  return [...new Set(paths)]
    .map((path) => readDotnetFolder(files, path))
    .filter((folder) => folder !== undefined);
}

/**
 * The one .NET folder that an apphost uses: `own`, which its project names, DOTNET_ROOT_X64, DOTNET_ROOT,
 * /etc/dotnet/install_location*, the default of its build. A variable counts when what it names is there,
 * whatever that is; PATH never does (dotnet/runtime, fxr_resolver.cpp; as seen of .NET 10).
 */
export function findApphostFolder(
  files: Files,
  env: ReadonlyMap<string, string>,
  own: string | undefined,
): DotnetFolder | undefined {
  const isThere = (path: string): boolean => path.startsWith('/') && files.find(path) !== undefined;
  const root =
    [own ?? [], rootsOf(env)].flat().find(isThere) ??
    registeredIn(files)[0] ??
    defaultFolders.find(isThere);
  return root === undefined ? undefined : readDotnetFolder(files, root);
}

function rootsOf(env: ReadonlyMap<string, string>): readonly string[] {
  return ['DOTNET_ROOT_X64', 'DOTNET_ROOT'].flatMap((name) => env.get(name) ?? []);
}

function registeredIn(files: Files): readonly string[] {
  return locationFiles.flatMap((path) => installLocation(files, path));
}

/** The .NET folders of this machine; `env` is the environment of this process. */
export function findHostRuntimes(
  env: Readonly<Record<string, string | undefined>>,
): readonly DotnetFolder[] {
  const given = Object.entries(env).flatMap(([name, value]): [string, string][] =>
    value === undefined || value === '' ? [] : [[name, value]],
  );
  return findDotnetFolders(hostFiles, new Map(given));
}

function folderOfMuxer(files: Files, path: string): string[] {
  const muxer = path.startsWith('/') ? files.find(path) : undefined;
  return muxer?.kind === 'file' ? [muxer.path.replace(/\/[^/]*$/, '')] : [];
}

/** The first line of the file, without any quoting. */
function installLocation(files: Files, path: string): string[] {
  const bytes = readWhole(files, path, locationCap);
  const line = bytes && new TextDecoder().decode(bytes).split('\n', 1)[0]?.trim();
  return line ? [line] : [];
}
