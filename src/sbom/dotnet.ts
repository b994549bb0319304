import { type Bundle, type BundledFile, readBundle } from '../dotnet/bundle.ts';
import { ilcVersion, readHostMarkers } from '../dotnet/markers.ts';
import type { Elf } from '../elf/elf.ts';
import { readElf } from '../elf/read.ts';
import type { SyncAccess } from '../tree/access.ts';
import { type Contents, contentAccess } from '../tree/contents.ts';
import type { FileNode, Tree } from '../tree/tree.ts';
import { walkTree } from '../tree/walk.ts';
import type { Component } from './component.ts';
import { attemptToRead, bytesOf, Damaged, openBudget, type Reading } from './damaged.ts';
import { readDepsJson } from './deps-json.ts';
import { formatPurl } from './purl.ts';

/** The largest of an SDK has 100 KiB, all of them some MiB. */
const sizeCap = 4 << 20;
const fileCap = 5000;
const byteCap = 32 << 20;
const libraryCap = 50_000;

/** No apphost is smaller. */
const programFloor = 32 << 10;
const programCap = 20_000;

/**
 * The libraries of every deps.json of an image, in its folders and in single-file apps: apps, what they
 * bring, and the runtimes in `shared/`. Of Native AOT programs only the compiler's version is known.
 */
export function readDotnet(tree: Tree, contents: Contents): Reading {
  const seen = new Set<FileNode>();
  const spendFiles = openBudget(fileCap, 'deps.json files');
  const spendBytes = openBudget(byteCap, 'bytes of deps.json files');
  const spendLibraries = openBudget(libraryCap, 'libraries');
  const readLibraries = (path: string, size: number, read: () => Uint8Array) => {
    if (size > sizeCap) throw new Damaged(`${size} bytes, above ${sizeCap}`);
    spendFiles(1);
    spendBytes(size);
    const libraries = readDepsJson(read(), path);
    spendLibraries(libraries.length);
    return libraries;
  };
  let programs = 0;
  return [...walkTree(tree)].flatMap(({ path, node }) => {
    if (node.kind !== 'file' || seen.has(node)) return [];
    seen.add(node);
    const { size } = node.content;
    if (path.endsWith('.deps.json')) {
      return attemptToRead(path, () =>
        readLibraries(path, size, () => bytesOf(contents, { path, node }, sizeCap)),
      );
    }
    const isProgram = (node.mode & 0o111) !== 0 && !/\.so(\.|$)/.test(path);
    if (!isProgram || size < programFloor || ++programs > programCap) return [];
    return attemptToRead(path, () => {
      const access = contentAccess(contents, node.content);
      const elf = readElf(access);
      if (elf === undefined || elf.kind === 'broken') return [];
      const file = depsJsonOf(bundleOf(access, elf));
      if (file === undefined) return compilerOf(access, elf, path);
      const read = () => access.read(file.offset, file.size);
      return readLibraries(`${path}!${file.path}`, file.size, read);
    });
  });
}

/** The bundle of a single-file app; undefined for all other programs. */
function bundleOf(access: SyncAccess, elf: Elf): Bundle | undefined {
  const header = readHostMarkers(access, elf)?.bundleHeader ?? 0;
  if (header === 0) return undefined;
  const bundle = readBundle(access, header);
  if (typeof bundle === 'string') throw new Damaged(`a bundle of which ${bundle}`);
  return bundle;
}

/** It is never compressed (dotnet/runtime, Microsoft.NET.HostModel, Bundler). */
function depsJsonOf(bundle: Bundle | undefined): BundledFile | undefined {
  const file = bundle?.files.find(({ type }) => type === 'deps');
  if (file !== undefined && file.compressedSize !== 0)
    throw new Damaged(`a compressed ${file.path}`);
  return file;
}

/** A Native AOT program names no libraries: only the compiler, which brings the runtime of its version. */
function compilerOf(access: SyncAccess, elf: Elf, path: string): readonly Component[] {
  const [name, version] = ['Microsoft.DotNet.ILCompiler', ilcVersion(access, elf)];
  if (version === undefined) return [];
  const purl = formatPurl({ type: 'nuget', name, version });
  return [{ ref: purl, kind: 'framework', name, version, purl, foundIn: [path], dependsOn: [] }];
}
