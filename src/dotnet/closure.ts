import type { Elf } from '../elf/elf.ts';
import { readElf } from '../elf/read.ts';
import { folderOf } from './command.ts';
import type { Files } from './files.ts';
import { problemOfElf } from './installed.ts';
import { kernelSonames, libraryFoldersOf } from './sonames.ts';

/** A program or library that will be loaded. */
export interface Binary extends LibraryPlace {
  /** Absolute, in `files`. */
  readonly path: string;
  /**
   * The folder of which all goes into the guest with it, and lies there as it does here: `''` is all there
   * is. Absent for what goes there alone, to another place.
   */
  readonly along?: string;
  /** True when nothing runs without it; what it needs is then required too. */
  readonly required: boolean;
}

/** A file system libraries are looked for in. */
export interface LibraryPlace {
  readonly from: 'image' | 'reference' | 'host';
  readonly files: Files;
}

export interface FoundLibrary extends LibraryPlace {
  readonly soname: string;
  /** Absolute, without links. */
  readonly path: string;
}

export interface MissingLibrary {
  readonly soname: string;
  /** The file that asks for it. */
  readonly neededBy: string;
  readonly required: boolean;
}

/** Names of libraries that are looked for; the rest of a hostile image goes unread. */
const nameCap = 4096;

/** Everything `binaries` need, and what that needs, looked for in `places` in turn. */
export function closeOverLibraries(
  binaries: readonly Binary[],
  places: readonly LibraryPlace[],
): { readonly found: readonly FoundLibrary[]; readonly missing: readonly MissingLibrary[] } {
  const found = new Map<string, FoundLibrary>();
  const missing = new Map<string, MissingLibrary>();
  // What is required comes first, with all that it needs, so that a library both kinds need counts as required.
  const required = binaries.filter((binary) => binary.required);
  const optional = binaries.filter((binary) => !binary.required);
  const seen = new Set<string>();
  for (const binary of oneAfterOther(required, optional)) {
    const elf = binary.files.read(binary.path, readElf);
    if (elf?.kind !== 'elf') {
      continue;
    }
    for (const soname of elf.needed) {
      if (kernelSonames.has(soname) || seen.has(soname) || seen.size === nameCap) {
        continue;
      }
      seen.add(soname);
      const queue = binary.required ? required : optional;
      const own = besideIt(binary, elf, soname);
      if (own !== undefined && goesAlong(binary, own)) {
        queue.push({ ...binary, path: own });
        continue;
      }
      const library = findFor(binary, own, places, soname);
      if (library === undefined) {
        missing.set(soname, { soname, neededBy: binary.path, required: binary.required });
        continue;
      }
      found.set(soname, library);
      const { from, files, path } = library;
      const along = from === 'image' ? { along: '' } : {};
      queue.push({ from, files, path, required: binary.required, ...along });
    }
  }
  return { found: [...found.values()], missing: [...missing.values()] };
}

/** All of `first`, then all of `second`; both may grow meanwhile. */
function* oneAfterOther<T>(first: Iterable<T>, second: Iterable<T>): Generator<T> {
  yield* first;
  yield* second;
}

/**
 * OSv follows DT_RUNPATH and replaces `$ORIGIN`, and no other of the loader's variables. The path is
 * absolute, without links.
 */
function besideIt({ files, path }: Binary, elf: Elf, soname: string): string | undefined {
  for (const folder of elf.runpath) {
    const candidate = `${folder.replaceAll('$ORIGIN', folderOf(path))}/${soname}`;
    const found = candidate.startsWith('/') ? files.find(candidate) : undefined;
    if (found?.kind === 'file') return found.path;
  }
  return undefined;
}

function goesAlong({ along }: Binary, own: string): boolean {
  return along !== undefined && own.startsWith(`${along}/`);
}

/**
 * What the image has wins, as everywhere. Of the place of the binary it is the one that its own loader would
 * take; in the guest, where the folder of that is missing, it is found in /usr/lib.
 */
function findFor(
  { from, files }: Binary,
  own: string | undefined,
  places: readonly LibraryPlace[],
  soname: string,
): FoundLibrary | undefined {
  const at = places.findIndex((place) => place.from === from);
  if (own === undefined || at === -1 || !isLoadable(files, own, soname)) {
    return findLibrary(places, soname);
  }
  return findLibrary(places.slice(0, at), soname) ?? { from, files, soname, path: own };
}

function isLoadable(files: Files, path: string, soname: string): boolean {
  const elf = files.read(path, readElf);
  return elf?.kind === 'elf' && problemOfElf(elf, soname, files.architecture) === undefined;
}

/** A library of this name for the processor of its place and glibc, in the first place that has one. */
export function findLibrary(
  places: readonly LibraryPlace[],
  soname: string,
): FoundLibrary | undefined {
  // A name with a slash is a path to the loader; it is never searched for.
  if (soname.includes('/')) {
    return undefined;
  }
  for (const place of places) {
    const { files } = place;
    for (const folder of libraryFoldersOf(files.architecture)) {
      const candidate = files.find(`${folder}/${soname}`);
      if (candidate?.kind === 'file' && isLoadable(files, candidate.path, soname)) {
        return { ...place, soname, path: candidate.path };
      }
    }
  }
  return undefined;
}
