import { folderOf } from '../dotnet/command.ts';
import { type Files, isFile } from '../dotnet/files.ts';
import { kernelSonames } from '../dotnet/sonames.ts';
import { type Elf, machines } from '../elf/elf.ts';
import { readElf } from '../elf/read.ts';
import { type DynamicSymbol, readSymbols } from '../elf/symbols.ts';

/** A program or library that OSv loads, with what it has and what it lacks. */
export interface Native {
  /** Absolute in the guest, without links. */
  readonly path: string;
  readonly symbols: readonly DynamicSymbol[];
  /** What it needs and OSv does not find, by name; OSv goes on without. */
  readonly lacking: readonly string[];
}

/** OSv looks for a library of a bare name here (core/elf.cc, `program::get_library`). */
const searched = ['/', '/usr/lib'];

/** More than any app has; a hostile image could have one for every file. */
const maxNatives = 4096;

/** Symbols of all natives together, and files that are looked for: each app has a hundredth of it. */
const symbolCap = 1 << 20;
const searchCap = 1 << 18;

/**
 * What OSv loads for `roots`, which are paths of programs and libraries in the guest: they themselves,
 * what they need, and what that needs. Files for another machine, damaged ones, and what the kernel has
 * itself are left out.
 */
export function loadedNatives(files: Files, roots: readonly string[]): readonly Native[] {
  const natives: Native[] = [];
  const pending = [...roots];
  const seen = new Set<string>();
  let symbolsLeft = symbolCap;
  let searchesLeft = searchCap;
  const isThere = (path: string): boolean => {
    searchesLeft -= 1;
    return path.startsWith('/') && isFile(files, path);
  };
  for (const path of pending) {
    if (natives.length === maxNatives || symbolsLeft <= 0) break;
    const real = files.find(path)?.path;
    if (real === undefined || seen.has(real)) continue;
    seen.add(real);
    const read = files.read(real, (access) => {
      const elf = readElf(access);
      if (elf?.kind !== 'elf' || elf.machine !== machines.x64) return undefined;
      const symbols = readSymbols(access, elf);
      return 'kind' in symbols ? undefined : { elf, symbols };
    });
    if (read === undefined) continue;
    symbolsLeft -= read.symbols.length;
    const lacking: string[] = [];
    for (const soname of read.elf.needed) {
      if (kernelSonames.has(soname)) continue;
      const found = searchesLeft > 0 ? libraryFor(real, read.elf, soname, isThere) : undefined;
      if (found === undefined) lacking.push(soname);
      else pending.push(found);
    }
    natives.push({ path: real, symbols: read.symbols, lacking });
  }
  return natives;
}

function libraryFor(
  path: string,
  elf: Elf,
  soname: string,
  isThere: (path: string) => boolean,
): string | undefined {
  const beside = elf.runpath.map((folder) => folder.replaceAll('$ORIGIN', folderOf(path)));
  return [...beside, ...searched]
    .map((folder) => `${folder === '/' ? '' : folder}/${soname}`)
    .find(isThere);
}
