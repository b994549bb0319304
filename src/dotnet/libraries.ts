import { ConvertError } from '../error.ts';
import type { DotnetApp } from './app.ts';
import type { ChosenRuntime } from './choose.ts';
import {
  type Binary,
  closeOverLibraries,
  type FoundLibrary,
  findLibrary,
  type LibraryPlace,
  type MissingLibrary,
} from './closure.ts';
import { folderOf } from './command.ts';
import type { Files } from './files.ts';
import { hostFiles } from './host-files.ts';
import { baseFramework } from './installed.ts';
import { debianPackages, opensslPairs } from './sonames.ts';

/** The native libraries an app and its runtime need and the image does not have. */
export interface LibraryPlan {
  /** To be put into /usr/lib under their sonames; OSv looks nowhere else. */
  readonly added: readonly FoundLibrary[];
  /** What was found nowhere and .NET starts without. */
  readonly missing: readonly MissingLibrary[];
  /** False for a managed app where there is no OpenSSL: it is opened by name when it is first used. */
  readonly hasOpenssl: boolean;
}

/** Loaded whenever .NET starts; a missing dependency of these ends everything. */
const vital = /^(?:lib)?(?:hostfxr|hostpolicy|coreclr|clrjit|System\.Native)\.so$/;

/** Loaded by debuggers and tracers only, which OSv has not. */
const neverLoaded = /^(?:libcoreclrtraceptprovider|libmscordbi|libmscordaccore|libdbgshim)\.so$/;

/**
 * Looks for every native library that `app` and `runtime` load: in the image, in the image the runtime
 * is taken from, and on the host.
 * @param image the image's files.
 * @param host where libraries of this machine are looked for.
 * @throws ConvertError `LIBRARY_NOT_FOUND` for one without which .NET does not start.
 */
export function planLibraries(
  app: DotnetApp,
  runtime: ChosenRuntime | undefined,
  image: Files,
  host: Files = hostFiles,
): LibraryPlan {
  const places: LibraryPlace[] = [
    { from: 'image', files: image },
    ...(runtime?.from === 'reference'
      ? [{ from: 'reference', files: runtime.files } as const]
      : []),
    { from: 'host', files: host },
  ];
  const openssl = findOpenssl(app, places);
  const binaries = [
    ...(runtime === undefined ? [] : binariesOfRuntime(runtime)),
    ...binariesOfApp(app, image),
    ...openssl.map(({ files, path }) => ({ files, path, required: false })),
  ];
  const { found, missing } = closeOverLibraries(binaries, places);
  const required = missing.find((library) => library.required);
  if (required !== undefined) {
    throw libraryMissing(required);
  }
  const all = new Map([...found, ...openssl].map((library) => [library.soname, library]));
  return {
    added: [...all.values()].filter(({ from }) => from !== 'image').sort(bySoname),
    missing,
    hasOpenssl: openssl.length > 0 || app.kind === 'native-aot',
  };
}

function bySoname(a: FoundLibrary, b: FoundLibrary): number {
  return a.soname < b.soname ? -1 : 1;
}

/** OpenSSL is opened by name when cryptography is first used, so that nothing declares the need. */
function findOpenssl(app: DotnetApp, places: readonly LibraryPlace[]): readonly FoundLibrary[] {
  const major = Number(app.version?.split('.', 1)[0] ?? Number.NaN);
  const pairs = major < 6 ? opensslPairs.slice(-1) : opensslPairs;
  // What brings its own runtime was made to fit its image: nothing is added behind its back.
  const allowed = app.needsRuntime ? places : places.filter(({ from }) => from === 'image');
  for (const place of allowed) {
    for (const pair of pairs) {
      const found = pair.map((soname) => findLibrary([place], soname));
      if (found.every((library) => library !== undefined)) {
        return found;
      }
    }
  }
  return [];
}

function binariesOfRuntime({ files, path, parts }: ChosenRuntime): Binary[] {
  const folders = parts
    .filter((part) => part.startsWith('host/') || part.startsWith(`shared/${baseFramework}/`))
    .map((part) => `${path}/${part}`);
  return [
    { files, path: `${path}/dotnet`, required: true },
    ...folders.flatMap((folder) => librariesIn(files, folder)),
  ];
}

function binariesOfApp(app: DotnetApp, files: Files): Binary[] {
  const folder = folderOf(app.assembly ?? app.executable);
  // The apphost of a framework-dependent app is not what is started.
  const starts = app.kind !== 'framework-dependent';
  return [
    ...(starts ? [{ files, path: app.executable, required: true }] : []),
    ...[folder, ...['linux-x64', 'linux', 'unix'].map((rid) => `${folder}/runtimes/${rid}/native`)]
      .filter((path) => path !== '')
      .flatMap((path) => librariesIn(files, path)),
  ];
}

function librariesIn(files: Files, folder: string): Binary[] {
  return files
    .list(folder)
    .filter((name) => name.endsWith('.so') && !neverLoaded.test(name))
    .map((name) => ({ files, path: `${folder}/${name}`, required: vital.test(name) }));
}

function libraryMissing({ soname, neededBy }: MissingLibrary): ConvertError {
  const name = debianPackages.get(soname);
  return new ConvertError(
    'LIBRARY_NOT_FOUND',
    `collecting native libraries: ${neededBy} needs ${soname}, found neither in the image nor on this host, wanted one for x64 and glibc`,
    {
      hint:
        name === undefined
          ? `install the package that has ${soname}, here or in the image`
          : `apt-get install ${name}, here or in the image`,
    },
  );
}
