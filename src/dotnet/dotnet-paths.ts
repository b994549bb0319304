import { rootVariableOf } from './architecture.ts';
import { type Files, readWhole } from './files.ts';

/** Of Microsoft, of Ubuntu, of Fedora. */
export const defaultFolders = ['/usr/share/dotnet', '/usr/lib/dotnet', '/usr/lib64/dotnet'];

const locationCap = 4096;

/** The folders of a file system in which .NET may lie: absolute, without links, each once, the one on PATH first. */
export function dotnetPathsOf(files: Files, env: ReadonlyMap<string, string>): readonly string[] {
  const named = [
    ...(env.get('PATH') ?? '/usr/local/bin:/usr/bin:/bin')
      .split(':')
      .flatMap((folder) => folderOfMuxer(files, `${folder}/dotnet`)),
    ...rootsOf(files, env),
    ...registeredIn(files),
    ...defaultFolders,
    '/usr/local/share/dotnet',
  ];
  const paths = named
    .filter((path) => path.startsWith('/'))
    .flatMap((path) => files.find(path)?.path ?? []);
  return [...new Set(paths)];
}

export function rootsOf(
  { architecture }: Files,
  env: ReadonlyMap<string, string>,
): readonly string[] {
  return [rootVariableOf(architecture), 'DOTNET_ROOT'].flatMap((name) => env.get(name) ?? []);
}

export function registeredIn(files: Files): readonly string[] {
  return [`_${files.architecture}`, ''].flatMap((suffix) =>
    installLocation(files, `/etc/dotnet/install_location${suffix}`),
  );
}

/** Where .NET may lie on this machine, for the processor of `host`, whatever is there. */
export function findHostDotnetPaths(
  env: Readonly<Record<string, string | undefined>>,
  host: Files,
): readonly string[] {
  return dotnetPathsOf(host, definedIn(env));
}

/** Without variables that are empty. */
export function definedIn(
  env: Readonly<Record<string, string | undefined>>,
): ReadonlyMap<string, string> {
  const given = Object.entries(env).flatMap(([name, value]): [string, string][] =>
    value === undefined || value === '' ? [] : [[name, value]],
  );
  return new Map(given);
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
