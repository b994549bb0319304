import fc from 'fast-check';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import type { DirectoryNode, Node, SpecialNode, Tree } from '../../../src/tree/tree.ts';
import { walkTree } from '../../../src/tree/walk.ts';
import { decodeName, encodeName, hexOf } from '../../../store/index.ts';
import type { ReadNode } from '../../support/rofs-reader.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

export const folder = temporaryFolder('rofs');

export function treeOf(entries: Readonly<Record<string, Node>>): Tree {
  return { root: folderOf(entries) };
}

export function folderOf(entries: Readonly<Record<string, Node>>): DirectoryNode {
  return directory(new Map(Object.entries(entries)));
}

export function bytesOf(length: number, seed: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * 7 + seed) % 251));
}

export const fifo: SpecialNode = {
  kind: 'special',
  type: 'fifo',
  major: 0,
  minor: 0,
  mode: 0o600,
  uid: 0,
  gid: 0,
  mtime: 0,
};

/** What reading the image of a tree must give, inodes left out. */
export function expectedOf(tree: Tree): Omit<ReadNode, 'inode'>[] {
  const expected: Omit<ReadNode, 'inode'>[] = [];
  for (const { path, node } of walkTree(tree)) {
    if (node.kind === 'special') continue;
    expected.push({ path: readablePath(path), kind: node.kind, ...expectedNode(node) });
  }
  return expected;
}

export function expectedNode(
  node: Exclude<Node, SpecialNode>,
): Pick<ReadNode, 'size' | 'sha256' | 'target'> {
  switch (node.kind) {
    case 'file':
      return { size: node.content.size, sha256: hexOf(node.content.digest) };
    case 'directory':
      return { size: [...node.entries.values()].filter(({ kind }) => kind !== 'special').length };
    case 'symlink':
      return { size: encodeName(node.target).length, target: readable(node.target) };
  }
}

export function readablePath(path: string): string {
  return path.split('/').map(readable).join('/');
}

/** As the independent reader shows names. */
function readable(name: string): string {
  const bytes = Buffer.from(encodeName(name));
  if (bytes.toString() === name) return name;
  return Array.from(bytes, (byte) =>
    byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`,
  ).join('');
}

/** Few names, of all kinds; a pool of files, so that some are hard links. */
export function anyTree(): fc.Arbitrary<Tree> {
  const name = fc.oneof(
    fc.constantFrom(
      'a',
      'b',
      'B',
      'žluť',
      '日本語',
      '\u{1f600}',
      '\uff5e',
      '__proto__',
      '.x',
      'x'.repeat(255),
    ),
    fc
      .uint8Array({ minLength: 1, maxLength: 6 })
      .map((bytes) => decodeName(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0xff : byte))))
      .filter((text) => text !== '.' && text !== '..'),
  );
  const pool = [0, 1, 511, 512, 513, 1024].map((size) => fileOfBytes(bytesOf(size, size)));
  const leaf: fc.Arbitrary<Node> = fc.oneof(
    fc.constantFrom(...pool),
    fc.uint8Array({ maxLength: 1500 }).map((bytes) => fileOfBytes(bytes)),
    name.map((target) => symlink(`../${target}`)),
    fc.constant({ ...fifo }),
  );
  const { node } = fc.letrec<{ node: Node; folder: Node }>((tie) => ({
    node: fc.oneof({ depthSize: 'small' }, leaf, tie('folder')),
    folder: fc
      .array(fc.tuple(name, tie('node')), { maxLength: 6 })
      .map((named) => directory(new Map(named))),
  }));
  return fc
    .array(fc.tuple(name, node), { maxLength: 8 })
    .map((named) => ({ root: directory(new Map(named)) }));
}
