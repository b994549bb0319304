import { type Elf, machineName, machines } from '../elf/elf.ts';
import { readElf } from '../elf/read.ts';
import { ConvertError } from '../error.ts';
import type { Architecture } from './architecture.ts';
import { type Files, isDirectory, isFile } from './files.ts';
import { usesMusl } from './musl.ts';
import { type RuntimeConfig, readRuntimeConfig } from './runtimeconfig.ts';
import { compareVersions, type FrameworkVersion, parseVersion } from './version.ts';

/** One version of a shared framework: a folder `shared/NAME/VERSION`. */
export interface InstalledFramework {
  readonly name: string;
  readonly version: FrameworkVersion;
  /** Absolute, in the file system it was found in. */
  readonly path: string;
  /** Its own `NAME.runtimeconfig.json`: what it needs itself; or why the host ends when it chooses it. */
  readonly config?: RuntimeConfig | ConvertError;
}

/** A folder with `dotnet`, `host/fxr` and `shared` in it, as `dotnet` installs lie. */
export interface DotnetFolder {
  /** Absolute, without links. */
  readonly path: string;
  /** The version of `host/fxr` that `dotnet` loads. */
  readonly hostfxr: FrameworkVersion;
  /** What may be chosen: by name, then from the lowest version. */
  readonly frameworks: readonly InstalledFramework[];
  /** What cannot be used, and takes part in the search until it is the best match. */
  readonly unusable: readonly InstalledFramework[];
  /** Sentences on what lies there and cannot be used. */
  readonly problems: readonly string[];
}

export const baseFramework = 'Microsoft.NETCore.App';

/** At most so many names, versions of each, and frameworks in all are looked at: an image may hold any number. */
const folderCap = 1000;

/**
 * What .NET folder lies at `path`. A folder whose parts are for another processor than `files` are looked
 * into for, or another C library than glibc, has no frameworks, and says why.
 * @returns undefined when `path` holds neither `dotnet` with `host/fxr` nor frameworks.
 */
export function readDotnetFolder(files: Files, path: string): DotnetFolder | undefined {
  const root = files.find(path);
  if (root?.kind !== 'directory') {
    return undefined;
  }
  const hostfxr = versionsIn(files, `${root.path}/host/fxr`)
    .filter(({ text }) => isFile(files, `${root.path}/host/fxr/${text}/libhostfxr.so`))
    .at(-1);
  const muxer = `${root.path}/dotnet`;
  if (hostfxr === undefined || !isFile(files, muxer)) {
    return undefined;
  }
  const problem = problemOfBinary(files, muxer);
  if (problem !== undefined) {
    return { path: root.path, hostfxr, frameworks: [], unusable: [], problems: [problem] };
  }
  const named = namesIn(files, `${root.path}/shared`).flatMap((name) =>
    versionsIn(files, `${root.path}/shared/${name}`).map((version) => ({ name, version })),
  );
  const found = named.slice(0, folderCap).map(({ name, version }) => {
    const path = `${root.path}/shared/${name}/${version.text}`;
    const config = frameworkConfig(files, `${path}/${name}.runtimeconfig.json`);
    const problem = problemOfFramework(files, path, name);
    return { framework: { name, version, path, ...config }, problem };
  });
  return {
    path: root.path,
    hostfxr,
    frameworks: found.flatMap(({ framework, problem }) => (problem ? [] : [framework])),
    unusable: found.flatMap(({ framework, problem }) => (problem ? [framework] : [])),
    problems: found.flatMap(({ problem }) => problem ?? []),
  };
}

/** Why the framework in a folder cannot be used. Without its deps.json it is not there to the host. */
function problemOfFramework(files: Files, path: string, name: string): string | undefined {
  const isBase = name === baseFramework;
  const wanted = [`${name}.deps.json`, ...(isBase ? ['libcoreclr.so', 'libhostpolicy.so'] : [])];
  const absent = wanted.find((file) => !isFile(files, `${path}/${file}`));
  if (absent !== undefined) {
    return `${path} has no ${absent}`;
  }
  return isBase ? problemOfBinary(files, `${path}/libcoreclr.so`) : undefined;
}

/** What a framework says of itself. A config that the host refuses hurts only who chooses the framework. */
export function frameworkConfig(files: Files, path: string): Pick<InstalledFramework, 'config'> {
  try {
    const config = readRuntimeConfig(files, path);
    return config === undefined ? {} : { config };
  } catch (error) {
    if (error instanceof ConvertError) {
      return { config: error };
    }
    throw error;
  }
}

/** Why our kernel cannot run the program or library at `path`; undefined when it can. */
export function problemOfBinary(files: Files, path: string): string | undefined {
  const elf = files.read(path, readElf);
  if (elf === undefined) {
    return `${path} is no ELF file`;
  }
  return elf.kind === 'broken'
    ? `${path} is broken: ${elf.reason}`
    : problemOfElf(elf, path, files.architecture);
}

export function problemOfElf(
  elf: Elf,
  path: string,
  architecture: Architecture,
): string | undefined {
  if (elf.machine !== machines[architecture]) {
    return `${path} is for ${machineName(elf.machine)}, wanted ${architecture}`;
  }
  return usesMusl(elf) ? `${path} is linked to musl, wanted glibc` : undefined;
}

function namesIn(files: Files, path: string): readonly string[] {
  return files
    .list(path)
    .slice(0, folderCap)
    .filter((name) => isDirectory(files, `${path}/${name}`));
}

function versionsIn(files: Files, path: string): readonly FrameworkVersion[] {
  return namesIn(files, path)
    .map(parseVersion)
    .filter((version) => version !== undefined)
    .sort(compareVersions);
}
