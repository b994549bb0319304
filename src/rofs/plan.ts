import { compareNames, encodeName } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import type { Content, DirectoryNode, Node, SpecialNode, Tree } from '../tree/tree.ts';
import {
  blockSize,
  blocksOf,
  entryHeaderSize,
  inodeSize,
  type RofsEntry,
  type RofsInode,
  type Superblock,
  symlinkHeaderSize,
} from './format.ts';

/** A file system with every number decided; only the bytes of the files are still elsewhere. */
export interface RofsPlan {
  /** Bytes of the whole file system, a multiple of the block size. */
  readonly size: number;
  readonly superblock: Superblock;
  /** What is not empty, ascending. */
  readonly data: readonly RofsData[];
  readonly entries: readonly RofsEntry[];
  /** Targets. */
  readonly symlinks: readonly Uint8Array[];
  readonly inodes: readonly RofsInode[];
  /** What ROFS cannot hold: devices and fifos. */
  readonly skipped: readonly { readonly path: string; readonly kind: SpecialNode['type'] }[];
}

export interface RofsData {
  readonly block: number;
  readonly content: Content;
}

export interface RofsPlanOptions {
  /** Of the names in a directory: by their bytes (the default), or as the tree has them. */
  readonly order?: 'name' | 'tree';
}

/** The kernel's PATH_MAX less the NUL, in bytes, for paths and link targets: less than the 16 bits of ROFS. */
const maxPathLength = 4095;

/** A partition's length has 32 bits, in sectors of 512 bytes. */
const maxBlocks = 0xffff_ffff;

/**
 * Numbers a tree the way OSv's own generator does (scripts/gen-rofs-img.py): inodes and data depth first, a
 * directory before what it holds; a directory's entries after those of all its sub-directories. Names of one
 * node share an inode. Times, owners and permissions are dropped: ROFS has none.
 *
 * @throws ConvertError `ROFS_LIMIT` for names and targets that ROFS or the kernel cannot hold, and for more
 * than 2^32 - 1 blocks.
 */
export function planRofs(tree: Tree, options: RofsPlanOptions = {}): RofsPlan {
  const order = options.order ?? 'name';
  const inodes: RofsInode[] = [];
  const entries: RofsEntry[] = [];
  const symlinks: Uint8Array[] = [];
  const data: RofsData[] = [];
  const skipped: { path: string; kind: SpecialNode['type'] }[] = [];
  const numbers = new Map<Node, number>();
  let nextBlock = 1;

  /** Path lengths are of bytes and count the leading slash. */
  function add(node: StoredNode, path: string, pathLength: number): number {
    const known = numbers.get(node);
    if (known !== undefined) return known;
    const number = inodes.push(placeholder);
    // A directory set at two places by an edit is two directories: ROFS has no links to directories.
    if (node.kind !== 'directory') numbers.set(node, number);
    inodes[number - 1] = { kind: node.kind, number, ...place(node, path, pathLength) };
    return number;
  }

  function place(node: StoredNode, path: string, pathLength: number): Place {
    switch (node.kind) {
      case 'directory':
        return addDirectory(node, path, pathLength);
      case 'symlink':
        return { start: symlinks.push(targetOf(node.target, path)) - 1, count: 1 };
      case 'file':
        return addData(node.content);
    }
  }

  function addDirectory(directory: DirectoryNode, path: string, pathLength: number): Place {
    const own: RofsEntry[] = [];
    for (const [name, node] of inOrder(directory, order)) {
      const childPath = `${path}/${name}`;
      if (node.kind === 'special') {
        skipped.push({ path: childPath, kind: node.type });
        continue;
      }
      const bytes = nameOf(name, childPath);
      const childLength = pathLength + 1 + bytes.length;
      if (childLength > maxPathLength) {
        throw limit(childPath, `a path of ${childLength} bytes`, `at most ${maxPathLength}`);
      }
      own.push({ inode: add(node, childPath, childLength), name: bytes });
    }
    const start = entries.length;
    for (const entry of own) entries.push(entry);
    return { start, count: own.length };
  }

  function addData(content: Content): Place {
    const block = nextBlock;
    if (content.size > 0) data.push({ block, content });
    nextBlock += blocksOf(content.size);
    return { start: block, count: content.size };
  }

  add(tree.root, '', 0);

  const infoBlocks = blocksOf(infoSizeOf(entries, symlinks, inodes));
  const blocks = nextBlock + infoBlocks;
  if (blocks > maxBlocks) throw limit('/', `${blocks} blocks of 512 bytes`, `at most ${maxBlocks}`);
  return {
    size: blocks * blockSize,
    superblock: {
      infoFirstBlock: nextBlock,
      infoBlocks,
      entryCount: entries.length,
      symlinkCount: symlinks.length,
      inodeCount: inodes.length,
    },
    data,
    entries,
    symlinks,
    inodes,
    skipped,
  };
}

type StoredNode = Exclude<Node, SpecialNode>;
type Place = Pick<RofsInode, 'start' | 'count'>;

/** Holds a directory's place in the table until all below it is numbered. */
const placeholder: RofsInode = { kind: 'directory', number: 0, start: 0, count: 0 };

function inOrder(
  directory: DirectoryNode,
  order: 'name' | 'tree',
): readonly (readonly [string, Node])[] {
  const named = [...directory.entries];
  return order === 'tree' ? named : named.sort(([a], [b]) => compareNames(a, b));
}

function nameOf(name: string, path: string): Uint8Array {
  const bytes = encodeName(name);
  if (bytes.length === 0 || /[\0/]/.test(name) || name === '.' || name === '..') {
    throw limit(path, `the name ${JSON.stringify(name)}`, 'a name without NUL and slash');
  }
  return bytes;
}

function targetOf(target: string, path: string): Uint8Array {
  const bytes = encodeName(target);
  if (bytes.length > maxPathLength) {
    throw limit(path, `a link target of ${bytes.length} bytes`, `at most ${maxPathLength}`);
  }
  if (bytes.includes(0)) throw limit(path, 'a NUL in a link target', 'none');
  return bytes;
}

function infoSizeOf(
  entries: readonly RofsEntry[],
  symlinks: readonly Uint8Array[],
  inodes: readonly RofsInode[],
): number {
  let size = inodes.length * inodeSize;
  for (const { name } of entries) size += entryHeaderSize + name.length;
  for (const target of symlinks) size += symlinkHeaderSize + target.length;
  return size;
}

function limit(path: string, found: string, wanted: string): ConvertError {
  const shown = path.length > 200 ? `${path.slice(0, 200)}…` : path;
  return new ConvertError(
    'ROFS_LIMIT',
    `planning the ROFS: at ${JSON.stringify(shown)} found ${found}, wanted ${wanted}`,
  );
}
