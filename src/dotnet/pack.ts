import { createHash } from 'node:crypto';
import { ConvertError } from '../error.ts';
import type { ChosenRuntime } from './choose.ts';
import type { FoundLibrary } from './closure.ts';
import type { Files } from './files.ts';
import { hostFiles } from './host-files.ts';
import { defaultDotnetRoot } from './muxer.ts';

/** A layer to be made from files of the host: the runtime and the libraries an image lacks. */
export interface PackPlan {
  /** By path; a folder before what it holds. Paths as in a tar: without a leading slash. */
  readonly entries: readonly PackEntry[];
  /** Bytes of all files. */
  readonly size: number;
  /**
   * Changes when any file of the plan changes or is another one: the same key means the same layer, so
   * that one that was packed before can be used again. The time a file claims to be of says nothing:
   * package managers and stores set it.
   */
  readonly key: string;
}

export type PackEntry =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }
  | {
      readonly kind: 'file';
      readonly path: string;
      /** On the host, absolute. */
      readonly source: string;
      readonly size: number;
      readonly mode: 0o755 | 0o644;
    };

// A runtime lies four folders deep; deeper than this, links lead in circles.
const depthCap = 16;

/**
 * What the image lacks and the host has.
 * @returns undefined when nothing comes from the host.
 * @throws ConvertError `RUNTIME_NOT_FOUND` when a part of the runtime is gone meanwhile.
 */
export function planPack(
  runtime: ChosenRuntime | undefined,
  libraries: readonly FoundLibrary[],
): PackPlan | undefined {
  const fromHost = runtime?.from === 'host' || runtime?.from === 'folder' ? runtime : undefined;
  const files = [
    ...(fromHost === undefined ? [] : filesOfRuntime(fromHost)),
    ...libraries
      .filter(({ from }) => from === 'host')
      .map(({ soname, path }) => fileEntry(hostFiles, `usr/lib/${soname}`, path)),
  ];
  if (files.length === 0) {
    return undefined;
  }
  const link: PackEntry = {
    kind: 'symlink',
    path: 'usr/bin/dotnet',
    target: `${defaultDotnetRoot}/dotnet`,
  };
  const leaves = [...files.map(({ entry }) => entry), ...(fromHost === undefined ? [] : [link])];
  const entries = [...foldersAbove(leaves), ...leaves].sort(byPath);
  return {
    entries,
    size: files.reduce((sum, { entry }) => sum + entry.size, 0),
    key: keyOf(files),
  };
}

interface SourceFile {
  readonly entry: Extract<PackEntry, { kind: 'file' }>;
  readonly changed: number | undefined;
}

function filesOfRuntime({ files, path, root, parts }: ChosenRuntime): readonly SourceFile[] {
  return parts.flatMap((part) =>
    filesBelow(files, `${root.slice(1)}/${part}`, `${path}/${part}`, depthCap),
  );
}

function filesBelow(files: Files, path: string, source: string, depth: number): SourceFile[] {
  const found = files.find(source);
  if (found?.kind !== 'directory') {
    return [fileEntry(files, path, source)];
  }
  return depth === 0
    ? []
    : files
        .list(source)
        .flatMap((name) => filesBelow(files, `${path}/${name}`, `${source}/${name}`, depth - 1));
}

function fileEntry(files: Files, path: string, source: string): SourceFile {
  const found = files.find(source);
  if (found?.kind !== 'file') {
    throw new ConvertError(
      'RUNTIME_NOT_FOUND',
      `packing the runtime: ${source} cannot be read, wanted a file`,
      { hint: 'repair the .NET installation, or give another with --runtime PATH' },
    );
  }
  const { size, changed, mode } = found;
  const executable = (mode & 0o111) !== 0;
  return {
    entry: { kind: 'file', path, source: found.path, size, mode: executable ? 0o755 : 0o644 },
    changed,
  };
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

function keyOf(files: readonly SourceFile[]): string {
  const lines = files.map(({ entry: { path, source, size, mode }, changed }) =>
    JSON.stringify([path, source, size, mode, changed]),
  );
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex');
}
