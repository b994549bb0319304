import { describe, expect, test } from 'vitest';
import { planRofs } from '../../../src/rofs/plan.ts';
import { readRofs } from '../../../src/rofs/read.ts';
import type { SyncAccess } from '../../../src/tree/access.ts';
import { openContents } from '../../../src/tree/contents.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import type { DirectoryNode, Node, Tree } from '../../../src/tree/tree.ts';
import { digestOf } from '../../../store/index.ts';
import { accessOf, imageOf, planWith } from './image.ts';

const hello = fileOfBytes(Buffer.from('hello'), 0o4755);
const link = symlink('nowhere');
const image = imageOf(
  planRofs(treeOf({ d: folderOf({ again: hello, 'link again': link }), hello, link })),
);

function treeOf(entries: Readonly<Record<string, Node>>): Tree {
  return { root: folderOf(entries) };
}

function folderOf(entries: Readonly<Record<string, Node>>): DirectoryNode {
  return directory(new Map(Object.entries(entries)));
}

/** The access, and how many bytes were read of it. */
function counted(bytes: Buffer): SyncAccess & { readonly count: () => number } {
  const access = accessOf(bytes);
  let count = 0;
  return {
    size: access.size,
    count: () => count,
    read(offset, length) {
      count += length;
      return access.read(offset, length);
    },
  };
}

/** Folders one in another, with a file in the last; `first` counts from the root. */
function nested(depth: number, nameLength: number): Buffer {
  const plan = planRofs(treeOf({ a: hello }));
  const name = Buffer.alloc(nameLength, 'n');
  const inodes = Array.from({ length: depth }, (_, at) => {
    return { kind: 'directory', number: at + 1, start: at, count: 1 } as const;
  });
  const last = { kind: 'file', number: depth + 1, start: 1, count: 5 } as const;
  const entries = inodes.map(({ number }) => ({ inode: number + 1, name }));
  return imageOf(planWith(plan, { entries, symlinks: [], inodes: [...inodes, last] }));
}

describe('readRofs', () => {
  test('shows modes, owners and times as the kernel does', () => {
    const shown = { mode: 0o555, uid: 0, gid: 0, mtime: 0 };
    const { root } = readRofs(accessOf(image));
    expect(root).toMatchObject(shown);
    expect(root.entries.get('d')).toMatchObject({ kind: 'directory', ...shown });
    expect(root.entries.get('hello')).toMatchObject({ kind: 'file', ...shown });
    expect(root.entries.get('link')).toEqual({ kind: 'symlink', target: 'nowhere', ...shown });
  });

  test('makes the names of one inode one node', () => {
    const { entries } = readRofs(accessOf(image)).root;
    const folder = entries.get('d');
    if (folder?.kind !== 'directory') throw new Error('d is a folder');
    expect(folder.entries.get('again')).toBe(entries.get('hello'));
    expect(folder.entries.get('link again')).toBe(entries.get('link'));
  });

  test('reads the bytes of a file when they, or its digest, are asked for, and these once', () => {
    const access = counted(image);
    const node = readRofs(access).root.entries.get('hello');
    if (node?.kind !== 'file') throw new Error('hello is a file');
    const before = access.count();
    const target = Buffer.alloc(3);
    openContents(new Map()).readInto(node.content, 2, target);
    expect(target.toString()).toBe('llo');
    expect(access.count()).toBe(before + 3);
    expect(node.content.digest).toBe(digestOf(Buffer.from('hello')));
    expect(node.content.digest).toBe(node.content.digest);
    expect(access.count()).toBe(before + 3 + 5);
  });

  test('reads a path as long as the kernel takes, and refuses a longer one', () => {
    expect(() => readRofs(accessOf(nested(2047, 1)))).not.toThrow();
    const wanted = expect.objectContaining({ code: 'ROFS_INVALID' });
    expect(() => readRofs(accessOf(nested(2048, 1)))).toThrow(wanted);
    expect(() => readRofs(accessOf(nested(1, 4095)))).toThrow(wanted);
    expect(() => readRofs(accessOf(nested(50_000, 1)))).toThrow(wanted);
  });

  test('refuses records without end when all that holds them is zeros', () => {
    const superblock = Buffer.from(image.subarray(0, 512));
    const infoBlocks = 2 ** 19;
    for (const [at, value] of [
      [24, 1],
      [32, infoBlocks],
      [40, 1_000_000],
      [48, 1_000_000],
      [56, 2_000_000],
    ] as const) {
      superblock.writeBigUInt64LE(BigInt(value), at);
    }
    const read = (offset: number, length: number) =>
      offset === 0 ? superblock.subarray(0, length) : Buffer.alloc(length);
    const size = (1 + infoBlocks) * 512;
    const wanted = expect.objectContaining({ code: 'ROFS_INVALID' });
    expect(() => readRofs({ size, read })).toThrow(wanted);
    superblock.writeBigUInt64LE(9_000_000n, 40);
    expect(() => readRofs({ size, read })).toThrow(wanted);
  });
});
