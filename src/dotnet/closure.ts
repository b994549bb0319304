import type { Elf } from '../elf/elf.ts';
import { readElf } from '../elf/read.ts';
import { folderOf } from './command.ts';
import { type Files, isFile } from './files.ts';
import { problemOfElf } from './installed.ts';
import { kernelSonames, libraryFoldersOf } from './sonames.ts';

/** A program or library that will be loaded. */
export interface Binary {
  readonly files: Files;
  /** Absolute, in `files`. */
  readonly path: string;
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
      const own = besideIt(binary, elf, soname);
      const library = own === undefined ? findLibrary(places, soname) : undefined;
      const path = own ?? library?.path;
      if (library !== undefined) {
        found.set(soname, library);
      }
      if (path === undefined) {
        missing.set(soname, { soname, neededBy: binary.path, required: binary.required });
      } else {
        const queue = binary.required ? required : optional;
        queue.push({ files: library?.files ?? binary.files, path, required: binary.required });
      }
    }
  }
  return { found: [...found.values()], missing: [...missing.values()] };
}

/** All of `first`, then all of `second`; both may grow meanwhile. */
function* oneAfterOther<T>(first: Iterable<T>, second: Iterable<T>): Generator<T> {
  yield* first;
  yield* second;
}

/** OSv follows DT_RUNPATH and replaces `$ORIGIN`, and no other of the loader's variables. */
function besideIt({ files, path }: Binary, elf: Elf, soname: string): string | undefined {
  return elf.runpath
    .map((folder) => `${folder.replaceAll('$ORIGIN', folderOf(path))}/${soname}`)
    .find((candidate) => candidate.startsWith('/') && isFile(files, candidate));
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
      const elf = candidate?.kind === 'file' ? files.read(candidate.path, readElf) : undefined;
      if (
        candidate &&
        elf?.kind === 'elf' &&
        problemOfElf(elf, soname, files.architecture) === undefined
      ) {
        return { ...place, soname, path: candidate.path };
      }
    }
  }
  return undefined;
}
