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
import { put, type RootEdit } from './root-edit.ts';

/** Given to the host as DOTNET_BUNDLE_EXTRACT_BASE_DIR. */
export const bundleDirectory = '/bundle';

/** A compressed file is inflated in memory; the largest native libraries have some 40 MiB. */
const inflatedCap = 256 << 20;

/**
 * The files that the host of a single-file app would unpack when it starts, laid where it looks for them
 * first: BASE/EXECUTABLE/BUNDLE-ID/PATH (dotnet/runtime, bundle/extractor.cpp). It cannot unpack them on
 * OSv itself: making a folder by a name with a slash at its end fails there.
 * @throws ConvertError `APP_INVALID` for one that does not inflate to its size.
 */
export function unpackBundle(
  tree: Tree,
  contents: Contents,
  { bundle, executable }: Pick<DotnetApp, 'bundle' | 'executable'>,
): readonly RootEdit[] {
  const program = lookup(tree, executable)?.node;
  if (bundle === undefined || program?.kind !== 'file') return [];
  const folder = `${bundleDirectory}/${baseName(executable)}/${bundle.id}`;
  return bundle.extracted.map((file) =>
    put(
      `${folder}/${file.path}`,
      nodeOf(file, program, contents, executable),
      'unpacked: the app would do so when it starts, and cannot on OSv',
    ),
  );
}

function nodeOf(
  file: BundledFile,
  program: FileNode,
  contents: Contents,
  executable: string,
): FileNode {
  const access = contentAccess(contents, program.content);
  const { path, offset, size, compressedSize } = file;
  if (compressedSize === 0) return fileOf(contentsOn(access)(offset, size), 0o755);
  try {
    if (size > inflatedCap) throw new RangeError(`wanted at most ${inflatedCap} bytes`);
    const bytes = inflateRawSync(access.read(offset, compressedSize), { maxOutputLength: size });
    if (bytes.length === size) return fileOfBytes(bytes, 0o755);
    throw new RangeError(`found ${bytes.length} bytes`);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : cause;
    throw unsuitable(
      executable,
      `the bundled file ${JSON.stringify(path)} of ${size} bytes does not inflate: ${reason}`,
    );
  }
}
