import { type Elf, machineName, machines } from '../elf/elf.ts';
import { readElf } from '../elf/read.ts';
import { ConvertError } from '../error.ts';
import { type Files, isDirectory, isFile, readWhole } from './files.ts';
import { hostJsonCap, parseRuntimeConfig, type RuntimeConfig } from './runtimeconfig.ts';
import { compareVersions, type FrameworkVersion, parseVersion } from './version.ts';

/** One version of a shared framework: a folder `shared/NAME/VERSION`. */
export interface InstalledFramework {
  readonly name: string;
  readonly version: FrameworkVersion;
  /** Absolute, in the file system it was found in. */
  readonly path: string;
  /** Its own `NAME.runtimeconfig.json`: what it needs itself. */
  readonly config?: RuntimeConfig;
}

/** A folder with `dotnet`, `host/fxr` and `shared` in it, as `dotnet` installs lie. */
export interface DotnetFolder {
  /** Absolute, without links. */
  readonly path: string;
  /** The version of `host/fxr` that `dotnet` loads. */
  readonly hostfxr: FrameworkVersion;
  /** What may be chosen: by name, then from the lowest version. */
  readonly frameworks: readonly InstalledFramework[];
  /** Sentences on what lies there and cannot be used. */
  readonly problems: readonly string[];
}

export const baseFramework = 'Microsoft.NETCore.App';

/** At most so many names or versions are looked at: an image may hold any number of folders. */
const folderCap = 1000;

/**
 * What .NET folder lies at `path`. A folder whose parts are for another machine or C library than ours
 * (x64, glibc) has no frameworks, and says why.
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
    return { path: root.path, hostfxr, frameworks: [], problems: [problem] };
  }
  const found = namesIn(files, `${root.path}/shared`).flatMap((name) =>
    versionsIn(files, `${root.path}/shared/${name}`).map((version) =>
      readFramework(files, `${root.path}/shared/${name}/${version.text}`, name, version),
    ),
  );
  return {
    path: root.path,
    hostfxr,
    frameworks: found.filter((result) => typeof result !== 'string'),
    problems: found.filter((result) => typeof result === 'string'),
  };
}

/** The framework in a folder, or a sentence on why it cannot be used. */
function readFramework(
  files: Files,
  path: string,
  name: string,
  version: FrameworkVersion,
): InstalledFramework | string {
  const wanted = [
    `${name}.deps.json`,
    ...(name === baseFramework ? ['libcoreclr.so', 'libhostpolicy.so'] : []),
  ];
  const absent = wanted.find((file) => !isFile(files, `${path}/${file}`));
  if (absent !== undefined) {
    return `${path} has no ${absent}`;
  }
  const problem =
    name === baseFramework ? problemOfBinary(files, `${path}/libcoreclr.so`) : undefined;
  if (problem !== undefined) {
    return problem;
  }
  const configPath = `${path}/${name}.runtimeconfig.json`;
  const bytes = readWhole(files, configPath, hostJsonCap);
  try {
    return {
      name,
      version,
      path,
      ...(bytes && { config: parseRuntimeConfig(bytes, configPath) }),
    };
  } catch (error) {
    // Only the app that would choose this framework is hurt by its config.
    if (error instanceof ConvertError) {
      return error.message;
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
  return elf.kind === 'broken' ? `${path} is broken: ${elf.reason}` : problemOfElf(elf, path);
}

export function problemOfElf(elf: Elf, path: string): string | undefined {
  if (elf.machine !== machines.x64) {
    return `${path} is for ${machineName(elf.machine)}, wanted x64`;
  }
  return usesMusl(elf) ? `${path} is linked to musl, wanted glibc` : undefined;
}

/** Alpine's C library, which OSv does not stand in for in .NET's native parts. */
export function usesMusl(elf: Elf): boolean {
  return (
    elf.interpreter?.includes('/ld-musl-') === true ||
    elf.needed.some((soname) => soname.startsWith('libc.musl-'))
  );
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
