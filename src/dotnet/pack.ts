import { createHash } from 'node:crypto';
import { ConvertError } from '../error.ts';
import type { ChosenRuntime } from './choose.ts';
import type { FoundLibrary } from './closure.ts';
import type { Files } from './files.ts';
import { defaultDotnetRoot } from './muxer.ts';

/** A layer to be made of a runtime and of libraries: from files of the host, or of an image. */
export interface PackPlan {
  /** By path; a folder before what it holds. Paths as in a tar: without a leading slash. */
  readonly entries: readonly PackEntry[];
  /** Bytes of all files. */
  readonly size: number;
  /**
   * Of files of the host: changes when any file of the plan changes or is another one. The same key
   * means the same layer, so that one that was packed before can be used again. The time a file claims to
   * be of says nothing: package managers and stores set it.
   */
  readonly key: string;
}

export type PackEntry =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }
  | {
      readonly kind: 'file';
      readonly path: string;
      /** Where it lies in `files`, absolute and without links. */
      readonly source: string;
      readonly files: Files;
      readonly size: number;
      readonly mode: 0o755 | 0o644;
      /** As `FoundPath` has it: other bytes at another time are not what was planned. */
      readonly changed?: number;
    };

type FileEntry = Extract<PackEntry, { kind: 'file' }>;

// A runtime lies four folders deep; deeper than this, links lead in circles.
const depthCap = 16;

/** Of files and folders: a runtime has 400, but links of an image can make a tree of any size. */
const entryCap = 20_000;

/** In bytes: thirty times what a runtime has with its libraries. */
const sizeCap = 4 * 2 ** 30;

/**
 * What the image lacks and the host has.
 * @returns undefined when nothing comes from the host.
 * @throws ConvertError `RUNTIME_NOT_FOUND` when a part of the runtime is gone meanwhile.
 */
export function planPack(
  runtime: ChosenRuntime | undefined,
  libraries: readonly FoundLibrary[],
): PackPlan | undefined {
  const isPacked = runtime?.from === 'host' || runtime?.from === 'folder';
  return packOf(
    isPacked ? runtime : undefined,
    libraries.filter(({ from }) => from === 'host'),
  );
}

/**
 * A runtime and libraries, wherever they are from. Links are replaced by what they lead to.
 * @returns undefined for nothing.
 * @throws ConvertError `RUNTIME_NOT_FOUND` when a part of the runtime is gone meanwhile, or has more files
 * or bytes than any runtime.
 */
export function packOf(
  runtime: Pick<ChosenRuntime, 'files' | 'path' | 'root' | 'parts'> | undefined,
  libraries: readonly FoundLibrary[],
): PackPlan | undefined {
  const files = [
    ...(runtime === undefined ? [] : filesOfRuntime(runtime)),
    ...libraries.map(({ soname, path, files }) => fileEntry(files, `usr/lib/${soname}`, path)),
  ];
  if (files.length === 0) {
    return undefined;
  }
  const link: PackEntry = {
    kind: 'symlink',
    path: 'usr/bin/dotnet',
    target: `${defaultDotnetRoot}/dotnet`,
  };
  const size = files.reduce((sum, file) => sum + file.size, 0);
  if (size > sizeCap) {
    throw unpackable(`found files of ${size} bytes`, `at most ${sizeCap}`);
  }
  return {
    entries: withFoldersAbove([...files, ...(runtime === undefined ? [] : [link])]),
    size,
    key: keyOf(files),
  };
}

function filesOfRuntime({
  files,
  path,
  root,
  parts,
}: Pick<ChosenRuntime, 'files' | 'path' | 'root' | 'parts'>): readonly FileEntry[] {
  let seen = 0;

  function filesBelow(to: string, source: string, depth: number): FileEntry[] {
    seen += 1;
    if (seen > entryCap) {
      throw unpackable(
        `${path} leads to more than ${entryCap} files and folders`,
        'a .NET runtime',
      );
    }
    if (files.find(source)?.kind !== 'directory') {
      return [fileEntry(files, to, source)];
    }
    return depth === 0
      ? []
      : files
          .list(source)
          .flatMap((name) => filesBelow(`${to}/${name}`, `${source}/${name}`, depth - 1));
  }

  return parts.flatMap((part) =>
    filesBelow(`${root.slice(1)}/${part}`, `${path}/${part}`, depthCap),
  );
}

function fileEntry(files: Files, path: string, source: string): FileEntry {
  const found = files.find(source);
  if (found?.kind !== 'file') {
    throw unpackable(`${source} cannot be read`, 'a file');
  }
  const { size, changed, mode } = found;
  const executable = (mode & 0o111) !== 0;
  return {
    kind: 'file',
    path,
    source: found.path,
    files,
    size,
    mode: executable ? 0o755 : 0o644,
    ...(changed !== undefined && { changed }),
  };
}

function unpackable(found: string, wanted: string): ConvertError {
  return new ConvertError('RUNTIME_NOT_FOUND', `packing the runtime: ${found}, wanted ${wanted}`, {
    hint: 'repair the .NET installation, or give another with --runtime PATH',
  });
}

/** The entries and the folders they lie in, in the order of a tar. */
export function withFoldersAbove(leaves: readonly PackEntry[]): readonly PackEntry[] {
  const given = new Set(leaves.map(({ path }) => path));
  const above = foldersAbove(leaves).filter(({ path }) => !given.has(path));
  return [...above, ...leaves].sort(byPath);
}

function foldersAbove(leaves: readonly PackEntry[]): readonly PackEntry[] {
  const paths = new Set<string>();
  for (const { path } of leaves) {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      paths.add(path.slice(0, at));
    }
  }
  return [...paths].map((path) => ({ kind: 'directory', path }));
}

function byPath(a: PackEntry, b: PackEntry): number {
  return a.path < b.path ? -1 : Number(a.path > b.path);
}

function keyOf(files: readonly FileEntry[]): string {
  const lines = files.map(({ path, source, size, mode, changed }) =>
    JSON.stringify([path, source, size, mode, changed]),
  );
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex');
}
