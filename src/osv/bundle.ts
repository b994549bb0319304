import { inflateRawSync } from 'node:zlib';
import type { DotnetApp } from '../dotnet/app.ts';
import type { BundledFile } from '../dotnet/bundle.ts';
import { baseName } from '../dotnet/command.ts';
import { unsuitable } from '../dotnet/managed.ts';
import { type Contents, contentAccess } from '../tree/contents.ts';
import { contentsOn } from '../tree/contents-on.ts';
import { lookup } from '../tree/lookup.ts';
import { fileOf, fileOfBytes } from '../tree/nodes.ts';
import type { FileNode, Tree } from '../tree/tree.ts';
import { put, type RootEdit, remove } from './root-edit.ts';

/** Given to the host as DOTNET_BUNDLE_EXTRACT_BASE_DIR. */
export const bundleDirectory = '/bundle';

/** A compressed file is inflated in memory; the largest native libraries have some 40 MiB. */
const inflatedCap = 256 << 20;

/** Of all compressed files of one bundle; many names may lead to the same bytes. */
const allInflatedCap = 1 << 30;

/**
 * The files that the host of a single-file app would unpack when it starts, laid where it looks for them
 * first: BASE/EXECUTABLE/BUNDLE-ID/PATH (dotnet/runtime, bundle/extractor.cpp). It cannot unpack them on
 * OSv itself: making a folder by a name with a slash at its end fails there.
 * @throws ConvertError `APP_INVALID` for one that does not inflate to its size.
 */
export function unpackBundle(
  tree: Tree,
  contents: Contents,
  { bundle, executable, architecture }: Pick<DotnetApp, 'bundle' | 'executable' | 'architecture'>,
): readonly RootEdit[] {
  const program = lookup(tree, executable)?.node;
  if (bundle === undefined || program?.kind !== 'file') return [];
  const folder = `${bundleDirectory}/${baseName(executable)}/${bundle.id}`;
  const change = 'unpacked: the app would do so when it starts, and cannot on OSv';
  const nodeOf = nodesIn(program, contents, { executable, architecture });
  return bundle.extracted.map((file) => put(`${folder}/${file.path}`, nodeOf(file), change));
}

/**
 * A single-file app as the folder it was published from, in place of the executable, whose own host cannot
 * run (DOTNET.md 5).
 * @throws ConvertError `APP_INVALID` as `unpackBundle`.
 */
export function unbundle(
  tree: Tree,
  contents: Contents,
  {
    unbundle: wanted,
    executable,
    architecture,
  }: Pick<DotnetApp, 'unbundle' | 'executable' | 'architecture'>,
): readonly RootEdit[] {
  const program = lookup(tree, executable)?.node;
  if (wanted === undefined || program?.kind !== 'file') return [];
  const change = `taken out of ${executable}, whose host cannot run`;
  const nodeOf = nodesIn(program, contents, { executable, architecture });
  return [
    remove(executable, 'left out: its files are laid out, and its host cannot run'),
    ...wanted.files.map((file) => put(`${wanted.folder}/${file.path}`, nodeOf(file), change)),
  ];
}

/** Makes the files inside one executable. */
function nodesIn(
  program: FileNode,
  contents: Contents,
  { executable, architecture }: Pick<DotnetApp, 'executable' | 'architecture'>,
): (file: BundledFile) => FileNode {
  const access = contentAccess(contents, program.content);
  const contentOf = contentsOn(access);
  let left = allInflatedCap;
  return ({ path, offset, size, compressedSize }) => {
    if (compressedSize === 0) return fileOf(contentOf(offset, size), 0o755);
    try {
      const cap = Math.min(inflatedCap, left);
      if (size > cap) throw new RangeError(`wanted at most ${cap} bytes`);
      left -= size;
      const bytes = inflateRawSync(access.read(offset, compressedSize), {
        maxOutputLength: Math.max(size, 1),
      });
      if (bytes.length === size) return fileOfBytes(bytes, 0o755);
      throw new RangeError(`found ${bytes.length} bytes`);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : cause;
      throw unsuitable(
        executable,
        `the bundled file ${JSON.stringify(path)} of ${size} bytes does not inflate: ${reason}`,
        architecture,
      );
    }
  };
}
