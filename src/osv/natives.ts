import { folderOf } from '../dotnet/command.ts';
import { type Files, isFile } from '../dotnet/files.ts';
import { kernelSonames } from '../dotnet/sonames.ts';
import { type Elf, machines } from '../elf/elf.ts';
import { readElf } from '../elf/read.ts';
import { readRelocations, referredSymbols } from '../elf/relocations.ts';
import { type DynamicSymbol, readSymbols } from '../elf/symbols.ts';
import type { SyncAccess } from '../tree/access.ts';
import { remembered } from '../tree/remembered.ts';

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
 * what they need, and what that needs. Files for another processor, damaged ones, and what the kernel has
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
      const isOurs = elf?.kind === 'elf' && elf.machine === machines[files.architecture];
      return isOurs ? readNative(access) : undefined;
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

/** Both what an app reaches and what it calls are told by the natives of a guest. */
const readNative = remembered((access) => {
  const elf = readElf(access);
  if (elf?.kind !== 'elf') return undefined;
  const symbols = readSymbols(access, elf);
  if ('kind' in symbols) return undefined;
  return { elf, symbols: elf.machine === machines.arm64 ? called(access, elf, symbols) : symbols };
});

/** What coreclr for arm64 names in inline assembly stands among its symbols, and nothing refers to it. */
function called(
  access: SyncAccess,
  elf: Elf,
  symbols: readonly DynamicSymbol[],
): readonly DynamicSymbol[] {
  const relocations = readRelocations(access, elf);
  if ('kind' in relocations) return symbols;
  const referred = referredSymbols(relocations);
  // The first symbol of the file, an empty one, is not among them.
  return symbols.filter(({ defined }, index) => defined || referred.has(index + 1));
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
