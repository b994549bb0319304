import { posix } from 'node:path';
import type { Architecture } from '../dotnet/architecture.ts';
import { kernelSonames, libraryFoldersOf } from '../dotnet/sonames.ts';
import { lookup } from '../tree/lookup.ts';
import { symlink } from '../tree/nodes.ts';
import type { DirectoryNode, Tree } from '../tree/tree.ts';
import { put, type RootEdit, remove } from './root-edit.ts';

/** The one folder, beside `/`, in which OSv's loader looks for libraries (core/elf.cc, `program`). */
const searched = '/usr/lib';

/** The files to which distributions link those names: `libc-2.31.so`, `libcrypt.so.1.1.0`. */
const suppliedFile =
  /^((ld|lib(c|m|pthread|dl|rt|resolv|crypt))-2\.\d+\.so|lib(aio|crypt)\.so\.1\.[\d.]+|libxenstore\.so\.3\.0\.[\d.]+)$/;

interface LibraryFolder {
  /** Absolute, free of links. */
  readonly path: string;
  readonly node: DirectoryNode;
}

/** Leaves out what OSv has itself: it would never be read. */
export function removeSuppliedLibraries(
  tree: Tree,
  architecture: Architecture,
): readonly RootEdit[] {
  const folders = foldersOf(tree, libraryFoldersOf(architecture));
  const isSupplied = (name: string): boolean => kernelSonames.has(name) || suppliedFile.test(name);
  return folders.flatMap(({ path: folder, node }) =>
    [...node.entries].flatMap(([name, entry]) => {
      const path = posix.join(folder, name);
      const target = entry.kind === 'symlink' ? lookup(tree, path) : undefined;
      const linksToSupplied =
        target !== undefined &&
        isSupplied(posix.basename(target.path)) &&
        folders.some((one) => one.path === posix.dirname(target.path));
      return entry.kind !== 'directory' && (isSupplied(name) || linksToSupplied)
        ? [remove(path, 'left out: OSv has this library itself')]
        : [];
    }),
  );
}

/** Links in /usr/lib to the libraries of all other library folders. */
export function linkLibraries(tree: Tree, architecture: Architecture): readonly RootEdit[] {
  const [destination] = foldersOf(tree, [searched]);
  const taken = new Set(destination?.node.entries.keys());
  return foldersOf(tree, libraryFoldersOf(architecture))
    .filter(({ path }) => path !== destination?.path)
    .flatMap(({ path: folder, node }) =>
      [...node.entries.keys()].flatMap((name) => {
        const path = posix.join(folder, name);
        if (!isLibrary(name) || taken.has(name) || lookup(tree, path)?.node.kind !== 'file')
          return [];
        taken.add(name);
        const change = `added: a link to ${path}, where OSv does not look`;
        return [put(posix.join(searched, name), symlink(path), change)];
      }),
    );
}

/** Whether libicu is where the app finds it on OSv: in /usr/lib, /, or its own folder. */
export function hasIcu(tree: Tree, appFolder: string): boolean {
  return ['libicuuc', 'libicui18n'].every((library) =>
    foldersOf(tree, [searched, '/', appFolder]).some(({ node }) =>
      [...node.entries.keys()].some((name) => name.startsWith(`${library}.so`)),
    ),
  );
}

function isLibrary(name: string): boolean {
  return /\.so(\.|$)/.test(name);
}

/** Those that are there, each once, whatever links lead to it. */
function foldersOf(tree: Tree, paths: readonly string[]): readonly LibraryFolder[] {
  const folders = new Map<string, LibraryFolder>();
  for (const one of paths) {
    const found = lookup(tree, one);
    if (found?.node.kind === 'directory' && !folders.has(found.path)) {
      folders.set(found.path, { path: found.path, node: found.node });
    }
  }
  return [...folders.values()];
}
