import { type Files, readWhole } from './files.ts';
import { hostFiles } from './host-files.ts';
import { type DotnetFolder, readDotnetFolder } from './installed.ts';

const defaultFolders = [
  '/usr/share/dotnet',
  '/usr/lib/dotnet',
  '/usr/lib64/dotnet',
  '/usr/local/share/dotnet',
];

const locationFiles = ['/etc/dotnet/install_location_x64', '/etc/dotnet/install_location'];

const locationCap = 4096;

/**
 * The .NET folders of a file system, the one its programs would use first: what `first` names, the
 * folder of `dotnet` on PATH, DOTNET_ROOT_X64, DOTNET_ROOT, /etc/dotnet/install_location*, the usual
 * places (dotnet/designs, install-locations).
 */
export function findDotnetFolders(
  files: Files,
  env: ReadonlyMap<string, string>,
  first: readonly string[] = [],
): readonly DotnetFolder[] {
  const named = [
    ...first,
    ...(env.get('PATH') ?? '/usr/local/bin:/usr/bin:/bin')
      .split(':')
      .flatMap((folder) => folderOfMuxer(files, `${folder}/dotnet`)),
    ...['DOTNET_ROOT_X64', 'DOTNET_ROOT'].flatMap((name) => env.get(name) ?? []),
    ...locationFiles.flatMap((path) => installLocation(files, path)),
    ...defaultFolders,
  ];
  const paths = named
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
