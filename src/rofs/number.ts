import { encodeName } from '../../store/index.ts';
import type {
  Content,
  DirectoryNode,
  FileNode,
  Node,
  SpecialNode,
  SymlinkNode,
  Tree,
} from '../tree/tree.ts';
import { sortedEntries } from '../tree/walk.ts';
import type { RofsEntry, RofsInode } from './format.ts';
import { rofsLimit } from './limit.ts';

/** A tree as records, of which only the places of the files' data are still open. */
export interface NumberedTree {
  readonly entries: readonly RofsEntry[];
  /** Targets. */
  readonly symlinks: readonly Uint8Array[];
  /** Those of files are still to be put in their places. */
  readonly inodes: RofsInode[];
  readonly files: readonly NumberedFile[];
  readonly skipped: readonly Skipped[];
}

export interface NumberedFile {
  readonly number: number;
  readonly content: Content;
  /** The least of its names' ranks. */
  rank: number;
}

/** What ROFS cannot hold: a device or a fifo. */
export interface Skipped {
  readonly path: string;
  readonly kind: SpecialNode['type'];
}

export interface NumberOptions {
  /** Of the names in a directory: by their bytes, or as the tree has them. */
  readonly order: 'name' | 'tree';
  /** Whether the names of one node share an inode. */
  readonly links: boolean;
  readonly rank?: ((path: string) => number) | undefined;
}

/** The kernel's PATH_MAX less the NUL, in bytes, for paths and link targets: less than the 16 bits of ROFS. */
const maxPathLength = 4095;

/**
 * Numbers a tree the way OSv's own generator does (scripts/gen-rofs-img.py): inodes depth first, a
 * directory before what it holds; a directory's entries after those of all its sub-directories.
 *
 * @throws ConvertError `ROFS_LIMIT` for names and targets that ROFS or the kernel cannot hold.
 */
export function numberTree(tree: Tree, { order, links, rank }: NumberOptions): NumberedTree {
  const inodes: RofsInode[] = [];
  const entries: RofsEntry[] = [];
  const symlinks: Uint8Array[] = [];
  const files: NumberedFile[] = [];
  const skipped: Skipped[] = [];
  /** Files, and the numbers of symlinks. */
  const known = new Map<Node, NumberedFile | number>();

  /** Path lengths are of bytes and count the leading slash. */
  function add(node: StoredNode, path: string, pathLength: number): number {
    // A directory set at two places by an edit is two directories: ROFS has no links to directories.
    if (node.kind === 'directory') return addDirectory(node, path, pathLength);
    const before = known.get(node);
    if (typeof before === 'number') return before;
    if (before) {
      if (rank) before.rank = Math.min(before.rank, rank(path));
      return before.number;
    }
    const added = node.kind === 'file' ? addFile(node, path) : addSymlink(node, path);
    if (links) known.set(node, added);
    return typeof added === 'number' ? added : added.number;
  }

  function addFile({ content }: FileNode, path: string): NumberedFile {
    const number = inodes.push(placeholder);
    const file = { number, content, rank: rank ? rank(path) : 0 };
    files.push(file);
    return file;
  }

  function addSymlink({ target }: SymlinkNode, path: string): number {
    const start = symlinks.push(targetOf(target, path)) - 1;
    const number = inodes.length + 1;
    return inodes.push({ kind: 'symlink', number, start, count: 1 });
  }

  function addDirectory(directory: DirectoryNode, path: string, pathLength: number): number {
    const number = inodes.push(placeholder);
    const own: RofsEntry[] = [];
    for (const [name, node] of order === 'tree' ? directory.entries : sortedEntries(directory)) {
      const childPath = `${path}/${name}`;
      if (node.kind === 'special') {
        skipped.push({ path: childPath, kind: node.type });
        continue;
      }
      const bytes = nameOf(name, childPath);
      const childLength = pathLength + 1 + bytes.length;
      if (childLength > maxPathLength) {
        throw rofsLimit(childPath, `a path of ${childLength} bytes`, `at most ${maxPathLength}`);
      }
      own.push({ inode: add(node, childPath, childLength), name: bytes });
    }
    const start = entries.length;
    for (const entry of own) entries.push(entry);
    inodes[number - 1] = { kind: 'directory', number, start, count: own.length };
    return number;
  }

  add(tree.root, '', 0);
  return { entries, symlinks, inodes, files, skipped };
}

type StoredNode = Exclude<Node, SpecialNode>;

/** Holds the place of a directory until all below it is numbered, and that of a file. */
const placeholder: RofsInode = { kind: 'directory', number: 0, start: 0, count: 0 };

function nameOf(name: string, path: string): Uint8Array {
  const bytes = encodeName(name);
  if (bytes.length === 0 || /[\0/]/.test(name) || name === '.' || name === '..') {
    throw rofsLimit(path, `the name ${JSON.stringify(name)}`, 'a name without NUL and slash');
  }
  return bytes;
}

function targetOf(target: string, path: string): Uint8Array {
  const bytes = encodeName(target);
  if (bytes.length > maxPathLength) {
    throw rofsLimit(path, `a link target of ${bytes.length} bytes`, `at most ${maxPathLength}`);
  }
  if (bytes.includes(0)) throw rofsLimit(path, 'a NUL in a link target', 'none');
  return bytes;
}
