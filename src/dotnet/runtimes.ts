import { type Files, readWhole } from './files.ts';
import { hostFiles } from './host-files.ts';
import { type DotnetFolder, readDotnetFolder } from './installed.ts';

/** Of Microsoft, of Ubuntu, of Fedora. */
const defaultFolders = ['/usr/share/dotnet', '/usr/lib/dotnet', '/usr/lib64/dotnet'];

const locationFiles = ['/etc/dotnet/install_location_x64', '/etc/dotnet/install_location'];

const locationCap = 4096;

/**
 * The .NET folders of a file system, the one that its user would get first: the folder of `dotnet` on
 * PATH, then those of `findApphostFolders`, then where people put it by hand.
 */
export function findDotnetFolders(
  files: Files,
  env: ReadonlyMap<string, string>,
): readonly DotnetFolder[] {
  const onPath = (env.get('PATH') ?? '/usr/local/bin:/usr/bin:/bin')
    .split(':')
    .flatMap((folder) => folderOfMuxer(files, `${folder}/dotnet`));
  return foldersAt(files, [...onPath, ...apphostPlaces(files, env), '/usr/local/share/dotnet']);
}

/**
 * The .NET folders that an apphost would use, in its order: the one its project names, DOTNET_ROOT_X64,
 * DOTNET_ROOT, /etc/dotnet/install_location*, and the places that builds of .NET have as their default. PATH
 * is not looked at; what is not there gives way to the next (dotnet/designs, install-locations; as seen of 10).
 */
export function findApphostFolders(
  files: Files,
  env: ReadonlyMap<string, string>,
  ownFolder: string | undefined,
): readonly DotnetFolder[] {
  return foldersAt(files, [ownFolder ?? [], apphostPlaces(files, env)].flat());
}

function apphostPlaces(files: Files, env: ReadonlyMap<string, string>): readonly string[] {
  return [
    ...['DOTNET_ROOT_X64', 'DOTNET_ROOT'].flatMap((name) => env.get(name) ?? []),
    ...locationFiles.flatMap((path) => installLocation(files, path)),
    ...defaultFolders,
  ];
}

function foldersAt(files: Files, places: readonly string[]): readonly DotnetFolder[] {
  const paths = places
    .filter((path) => path.startsWith('/'))
    .flatMap((path) => files.find(path)?.path ?? []);
  return [...new Set(paths)]
    .map((path) => readDotnetFolder(files, path))
    .filter((folder) => folder !== undefined);
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
