import type { SyncAccess } from '../tree/access.ts';
import { type Contents, contentAccess } from '../tree/contents.ts';
import { lookup } from '../tree/lookup.ts';
import type { Tree } from '../tree/tree.ts';
import type { Architecture } from './architecture.ts';

/** A file system to look into: an image's tree, or the host's. Paths are absolute. */
export interface Files {
  /** Whose programs and libraries are looked for in it: what is for another processor is of no use. */
  readonly architecture: Architecture;
  /** What `path` names, links followed; undefined when there is nothing, or nothing readable. */
  find(path: string): FoundPath | undefined;
  /** The names in a folder, in the order of their code units; none for what is no folder. */
  list(path: string): readonly string[];
  /** Lets `use` read the file at `path`; undefined when there is no such file. */
  read<T>(path: string, use: (access: SyncAccess) => T): T | undefined;
}

export interface FoundPath {
  /** Absolute, without links. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'other';
  /** In bytes, 0 for what is no file. */
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  /** When anything of the file last changed, in ms since 1970; only the host's file system tells. */
  readonly changed?: number;
}

/** The files of an image. @param architecture `x64` when absent. */
export function filesOfTree(
  tree: Tree,
  contents: Contents,
  architecture: Architecture = 'x64',
): Files {
  return {
    architecture,
    find(path) {
      const found = lookup(tree, path);
      if (found === undefined) {
        return undefined;
      }
      const { kind, mode } = found.node;
      return {
        path: found.path,
        kind: kind === 'file' || kind === 'directory' ? kind : 'other',
        size: found.node.kind === 'file' ? found.node.content.size : 0,
        mode,
      };
    },
    list(path) {
      const node = lookup(tree, path)?.node;
      return node?.kind === 'directory' ? [...node.entries.keys()].sort() : [];
    },
    read(path, use) {
      const node = lookup(tree, path)?.node;
      return node?.kind === 'file' ? use(contentAccess(contents, node.content)) : undefined;
    },
  };
}

export function isFile(files: Files, path: string): boolean {
  return files.find(path)?.kind === 'file';
}

export function isDirectory(files: Files, path: string): boolean {
  return files.find(path)?.kind === 'directory';
}

/** The whole file; undefined when there is none or it has more than `cap` bytes. */
export function readWhole(files: Files, path: string, cap: number): Uint8Array | undefined {
  return files.read(path, (access) =>
    access.size <= cap ? access.read(0, access.size) : undefined,
  );
}
