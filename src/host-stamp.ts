import { realpathSync } from 'node:fs';
import { architectureOfPlatform } from './dotnet/architecture.ts';
import type { FoundLibrary } from './dotnet/closure.ts';
import { findHostDotnetPaths } from './dotnet/dotnet-paths.ts';
import { hostFilesFor } from './dotnet/host-files.ts';
import { libraryFoldersOf } from './dotnet/sonames.ts';
import { folderStamps, inputStamp } from './input-stamp.ts';

/**
 * All that a build may take from this host, as stamps: its .NET folders and native libraries, and what tells whether
 * those are for musl. Each file is looked at, none is read: what replaces files in place changes no folder.
 * Undefined where that is too much.
 * @param platform of the image: libraries are those of its processor.
 */
export function hostStamps(
  platform: string,
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] | undefined {
  const host = hostFilesFor(architectureOfPlatform(platform));
  const libraries = libraryFoldersOf(host.architecture).flatMap(realPathOf);
  const parts = [
    ...[...new Set(libraries)].map((folder) => folderStamps(folder, 0, isLibrary)),
    ...findHostDotnetPaths(env, host).map(dotnetStamps),
    [`/etc/os-release ${inputStamp('/etc/os-release')}`],
  ];
  return joined(parts);
}

/**
 * Whether `hostStamps` tells of all of these that are of this host: what a RUNPATH led to lies elsewhere.
 * @param platform of the image.
 */
export function areStamped(libraries: readonly FoundLibrary[], platform: string): boolean {
  const folders = libraryFoldersOf(architectureOfPlatform(platform));
  return libraries.every(
    ({ from, soname, path }) =>
      from !== 'host' || folders.some((folder) => realPathOf(`${folder}/${soname}`).includes(path)),
  );
}

/** A folder with `dotnet`, `host` and `shared`; an SDK beside them is never taken. */
export function dotnetStamps(folder: string): readonly string[] | undefined {
  return joined([
    [folder, `${inputStamp(`${folder}/dotnet`)}`],
    // host/fxr/VERSION and shared/NAME/VERSION, and what lies in folders of these.
    ...['host', 'shared'].map((part) => folderStamps(`${folder}/${part}`, 16)),
  ]);
}

function joined(parts: readonly (readonly string[] | undefined)[]): readonly string[] | undefined {
  const whole = parts.filter((part) => part !== undefined);
  return whole.length === parts.length ? whole.flat() : undefined;
}

function isLibrary(name: string): boolean {
  return /\.so(?:\.|$)/.test(name);
}

function realPathOf(path: string): readonly string[] {
  try {
    return [realpathSync(path)];
  } catch {
    return [];
  }
}
