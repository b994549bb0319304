import type { SyncAccess } from '../tree/access.ts';
import { contentsOn } from '../tree/contents-on.ts';
import type {
  Attributes,
  Content,
  DirectoryNode,
  FileNode,
  Node,
  SymlinkNode,
  Tree,
} from '../tree/tree.ts';
import { blockSize, type RofsInode } from './format.ts';
import { invalidRofs } from './invalid.ts';
import { type RofsTables, readTables } from './tables.ts';

/** What the kernel shows of all that is on a ROFS, links too (OSv, fs/rofs/rofs_vnops.cc, rofs_getattr). */
const shown: Attributes = { mode: 0o555, uid: 0, gid: 0, mtime: 0 };

/** The kernel's PATH_MAX less the NUL: what has a longer path cannot be opened. */
const maxPathLength = 4095;

/**
 * Reads the tree of a ROFS. Every number of the image is checked before it is used: a directory that has
 * two names (a loop is one) is refused, so the work is linear in the size of the structure info. Names
 * of one inode share a node. The bytes of files are read when they are asked for, and so are their
 * digests.
 *
 * @throws ConvertError `ROFS_INVALID` for anything the format does not allow, and for paths of more than
 * 4095 bytes.
 */
export function readRofs(access: SyncAccess): Tree {
  const root = connect(access, readTables(access));
  checkPaths(root, 0);
  return { root };
}

interface Filling {
  readonly inode: RofsInode;
  readonly entries: Map<string, Node>;
}

/** Makes all nodes before any directory is filled, so that no depth of nesting is too deep. */
function connect(access: SyncAccess, tables: RofsTables): DirectoryNode {
  const contentAt = contentsOn(access);
  const directories: Filling[] = [];
  const nodes = tables.inodes.map((inode): Node => {
    if (inode.kind === 'file') return fileOf(inode, tables, contentAt);
    if (inode.kind === 'symlink') return symlinkOf(inode, tables);
    const entries = new Map<string, Node>();
    directories.push({ inode, entries });
    return { kind: 'directory', ...shown, entries };
  });
  const root = nodes[0];
  if (root?.kind !== 'directory')
    throw invalidRofs('a root that is none', 'a directory as inode 1');

  const parented = new Set<Node>([root]);
  let used = 0;
  for (const directory of directories) {
    used += directory.inode.count;
    // Else directories could share a long run of entries and cost its length each.
    if (!(used <= tables.names.length)) throw strayEntries(directory.inode, tables);
    fill(directory, tables, nodes, parented);
  }
  return root;
}

/** `parented` are the directories that have a name already. */
function fill(
  { inode, entries }: Filling,
  tables: RofsTables,
  nodes: readonly Node[],
  parented: Set<Node>,
): void {
  const end = inode.start + inode.count;
  // Where an empty directory has none is anywhere.
  if (inode.count > 0 && !(end <= tables.names.length)) throw strayEntries(inode, tables);
  for (let at = inode.start; at < end; at += 1) {
    const number = tables.named[at] ?? 0;
    const node = nodes[number - 1];
    if (!node) throw invalidRofs(`an entry for inode ${number}`, `one of ${nodes.length}`);
    if (node.kind === 'directory') {
      if (parented.has(node)) {
        throw invalidRofs(`a second name for directory inode ${number}`, 'one');
      }
      parented.add(node);
    }
    const name = checkedName(tables.names[at] ?? '', inode);
    if (entries.has(name)) {
      throw invalidRofs(`${JSON.stringify(name)} twice in one directory`, 'once');
    }
    entries.set(name, node);
  }
}

function fileOf(
  { number, start, count }: RofsInode,
  { dataEnd }: RofsTables,
  contentAt: (offset: number, size: number) => Content,
): FileNode {
  // Where an empty file has no data is anywhere.
  const offset = count === 0 ? 0 : start * blockSize;
  if (count !== 0 && !(offset > 0 && offset + count <= dataEnd)) {
    throw invalidRofs(
      `the data of inode ${number} at block ${start}, ${count} bytes`,
      `blocks 1 to ${dataEnd / blockSize - 1}`,
    );
  }
  return { kind: 'file', ...shown, content: contentAt(offset, count) };
}

function symlinkOf({ number, start }: RofsInode, { symlinks }: RofsTables): SymlinkNode {
  const target = symlinks[start];
  if (target !== undefined) return { kind: 'symlink', ...shown, target };
  throw invalidRofs(`symlink ${start} at inode ${number}`, `one of ${symlinks.length}`);
}

function checkedName(name: string, directory: RofsInode): string {
  if (name !== '' && name !== '.' && name !== '..' && !/[\0/]/.test(name)) return name;
  throw invalidRofs(
    `the name ${JSON.stringify(name)} in directory inode ${directory.number}`,
    'a name without NUL and slash',
  );
}

/** `length` is of the path, in characters, which are no more than its bytes. */
function checkPaths({ entries }: DirectoryNode, length: number): void {
  for (const [name, node] of entries) {
    const end = length + 1 + name.length;
    if (end > maxPathLength) {
      throw invalidRofs(`a path of ${end} bytes or more`, `at most ${maxPathLength}`);
    }
    if (node.kind === 'directory') checkPaths(node, end);
  }
}

function strayEntries({ number, start, count }: RofsInode, { names }: RofsTables): Error {
  return invalidRofs(
    `the entries of directory inode ${number} at ${start}, ${count} of them`,
    `a run of its own within ${names.length}`,
  );
}
