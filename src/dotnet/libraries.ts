import { ConvertError } from '../error.ts';
import type { DotnetApp } from './app.ts';
import { type Architecture, ridsOf } from './architecture.ts';
import type { ChosenRuntime, RuntimeOrigin } from './choose.ts';
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
import { hostFilesFor } from './host-files.ts';
import { findIcu, isInvariant } from './icu.ts';
import { baseFramework } from './installed.ts';
import { isMuslSystem } from './musl.ts';
import { onRuntime } from './on-runtime.ts';
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
 * is taken from or kept in, and on the host.
 * @param image the image's files, those of `removeMuslLibraries` taken out.
 * @param host where libraries of this machine are looked for.
 * @param added paths of what was added to the image for the app.
 * @throws ConvertError `LIBRARY_NOT_FOUND` for one without which .NET does not start.
 */
export function planLibraries(
  app: DotnetApp,
  runtime: ChosenRuntime | undefined,
  image: Files,
  host: Files = hostFilesFor(app.architecture),
  added: readonly string[] = [],
): LibraryPlan {
  const others: LibraryPlace[] = [
    ...(runtime?.from === 'reference' || runtime?.from === 'kept'
      ? [{ from: 'reference', files: runtime.files } as const]
      : []),
    { from: 'host', files: host },
  ];
  const places: LibraryPlace[] = [
    { from: 'image', files: image },
    ...others.filter(({ files }) => !isMuslSystem(files)),
  ];
  const openssl = findOpenssl(app, places);
  // The image had its own, which cannot be used.
  const wantsIcu = app.musl && app.needsRuntime && !isInvariant(onRuntime(app, runtime));
  const icu = wantsIcu ? findIcu(places) : [];
  const opened = [...openssl, ...icu];
  const binaries = [
    ...(runtime === undefined ? [] : binariesOfRuntime(runtime)),
    ...binariesOfApp(app, image),
    ...opened.map(binaryOf),
    ...added.filter(isLibrary).map((path) => binaryOfImage(image, path, false)),
  ];
  const { found, missing } = closeOverLibraries(binaries, places);
  const required = missing.find((library) => library.required);
  if (required !== undefined) {
    throw libraryMissing(required, app.architecture);
  }
  const all = new Map([...found, ...opened].map((library) => [library.soname, library]));
  return {
    added: [...all.values()].filter(({ from }) => from !== 'image').sort(bySoname),
    missing,
    hasOpenssl: openssl.length > 0 || app.kind === 'native-aot',
  };
}

/**
 * The native libraries a runtime needs wherever it will be used: from `own`, where the runtime lies, else
 * from the host. OpenSSL is among them in every generation there is, and ICU.
 */
export function librariesOfRuntime(
  runtime: ChosenRuntime,
  own: readonly LibraryPlace[],
  host: Files = hostFilesFor(runtime.files.architecture),
): Omit<LibraryPlan, 'hasOpenssl'> {
  const places = [...own, { from: 'host', files: host } as const].filter(
    ({ files }) => !isMuslSystem(files),
  );
  const opened = [...opensslPairs.flatMap((pair) => findPair(places, pair)), ...findIcu(places)];
  const { found, missing } = closeOverLibraries(
    [...binariesOfRuntime(runtime), ...opened.map(binaryOf)],
    places,
  );
  const all = new Map([...found, ...opened].map((library) => [library.soname, library]));
  return { added: [...all.values()].sort(bySoname), missing };
}

function isLibrary(path: string): boolean {
  return /\.so(?:\.|$)/.test(path);
}

/** Both libraries from the first place that has them; no two builds are mixed. */
function findPair(
  places: readonly LibraryPlace[],
  pair: readonly string[],
): readonly FoundLibrary[] {
  for (const place of places) {
    const found = pair.map((soname) => findLibrary([place], soname));
    if (found.every((library) => library !== undefined)) {
      return found;
    }
  }
  return [];
}

function bySoname(a: FoundLibrary, b: FoundLibrary): number {
  return a.soname < b.soname ? -1 : 1;
}

/** OpenSSL is opened by name when cryptography is first used, so that nothing declares the need. */
function findOpenssl(app: DotnetApp, places: readonly LibraryPlace[]): readonly FoundLibrary[] {
  const major = Number(app.version?.split('.', 1)[0] ?? Number.NaN);
  const pairs = [
    ...overridingPair(app.env),
    ...(major < 6 ? opensslPairs.slice(-1) : opensslPairs),
  ];
  // What brings its own runtime was made to fit its image: nothing is added behind its back.
  const allowed =
    app.needsRuntime || app.musl ? places : places.filter(({ from }) => from === 'image');
  for (const place of allowed) {
    for (const pair of pairs) {
      const found = findPair([place], pair);
      if (found.length > 0) {
        return found;
      }
    }
  }
  return [];
}

/** What .NET tries before all others; where it is not there, it goes on with them. */
function overridingPair(env: ReadonlyMap<string, string>): readonly (readonly string[])[] {
  // Named CLR_ before .NET 10.
  const version = ['DOTNET', 'CLR']
    .map((prefix) => env.get(`${prefix}_OPENSSL_VERSION_OVERRIDE`))
    .find((one) => one !== undefined && /^[\d.]{1,32}$/.test(one));
  return version === undefined ? [] : [[`libssl.so.${version}`, `libcrypto.so.${version}`]];
}

function binariesOfRuntime({ from, files, path, parts }: ChosenRuntime): Binary[] {
  const place = placeOf(from);
  const whole = { from: place, files, along: place === 'image' ? '' : path };
  const folders = parts
    .filter((part) => part.startsWith('host/') || part.startsWith(`shared/${baseFramework}/`))
    .map((part) => `${path}/${part}`);
  return [
    { ...whole, path: `${path}/dotnet`, required: true },
    ...folders.flatMap((folder) =>
      librariesIn(files, folder).map((library) => ({ ...whole, ...library })),
    ),
  ];
}

function placeOf(from: RuntimeOrigin): LibraryPlace['from'] {
  if (from === 'image') return from;
  return from === 'host' || from === 'folder' ? 'host' : 'reference';
}

function binaryOf({ from, files, path }: FoundLibrary): Binary {
  return { from, files, path, required: false, ...(from === 'image' && { along: '' }) };
}

function binaryOfImage(files: Files, path: string, required: boolean): Binary {
  return { from: 'image', files, path, required, along: '' };
}

function binariesOfApp(app: DotnetApp, files: Files): Binary[] {
  const folder = folderOf(app.assembly ?? app.executable);
  // The apphost of a framework-dependent app is not what is started.
  const starts = app.kind !== 'framework-dependent';
  return [
    ...(starts ? [binaryOfImage(files, app.executable, true)] : []),
    ...[folder, ...ridsOf(app.architecture).map((rid) => `${folder}/runtimes/${rid}/native`)]
      .filter((path) => path !== '')
      .flatMap((path) => librariesIn(files, path))
      .map(({ path, required }) => binaryOfImage(files, path, required)),
  ];
}

function librariesIn(files: Files, folder: string): Pick<Binary, 'path' | 'required'>[] {
  return files
    .list(folder)
    .filter((name) => name.endsWith('.so') && !neverLoaded.test(name))
    .map((name) => ({ path: `${folder}/${name}`, required: vital.test(name) }));
}

function libraryMissing(
  { soname, neededBy }: MissingLibrary,
  architecture: Architecture,
): ConvertError {
  const name = debianPackages.get(soname);
  // A host has seldom libraries of another processor than its own.
  const where = architecture === 'x64' ? 'here or in the image' : 'in the image';
  return new ConvertError(
    'LIBRARY_NOT_FOUND',
    `collecting native libraries: ${neededBy} needs ${soname}, found neither in the image nor on this host, wanted one for ${architecture} and glibc`,
    {
      hint:
        name === undefined
          ? `install the package that has ${soname}, ${where}`
          : `apt-get install ${name}, ${where}`,
    },
  );
}
