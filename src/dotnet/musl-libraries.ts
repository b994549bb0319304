import { readElf } from '../elf/read.ts';
import type { Edit } from '../tree/edit.ts';
import { type Files, isDirectory } from './files.ts';
import { isMuslSystem } from './musl.ts';
import { libraryFoldersOf } from './sonames.ts';

/**
 * Takes the libraries of a musl system out of the folders that programs look in, so that nothing for glibc
 * meets them: what says that it needs glibc stays. To judge each by what it needs would not do, for data
 * libraries such as Alpine's libicudata need nothing and belong to their siblings all the same. Other
 * systems are left as they are.
 */
export function removeMuslLibraries(files: Files): readonly (Edit & { readonly op: 'remove' })[] {
  if (!isMuslSystem(files)) return [];
  const folders = libraryFoldersOf(files.architecture).filter((path) => isDirectory(files, path));
  const real = new Set(folders.map((path) => files.find(path)?.path ?? path));
  return [...real].flatMap((folder) =>
    files
      .list(folder)
      .filter((name) => /\.so(?:\.|$)/.test(name) && !isForGlibc(files, `${folder}/${name}`))
      .map((name) => ({ op: 'remove' as const, path: `${folder}/${name}` })),
  );
}

/** What is no ELF file cannot be loaded, and is none of our business. */
function isForGlibc(files: Files, path: string): boolean {
  const elf = files.read(path, readElf);
  return elf?.kind !== 'elf' || elf.needed.includes('libc.so.6');
}
