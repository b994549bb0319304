import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planRofs, type RofsPlanOptions } from '../../../src/rofs/plan.ts';
import { readRofs } from '../../../src/rofs/read.ts';
import { rofsSegments } from '../../../src/rofs/write.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import type { FileNode, Tree } from '../../../src/tree/tree.ts';
import { walkTree } from '../../../src/tree/walk.ts';
import { digestOf, parseDiffID } from '../../../store/index.ts';
import { type ReadNode, readRofsFile } from '../../support/rofs-reader.ts';
import { accessOf, imageOf } from './image.ts';
import { anyTree, bytesOf, expectedOf, fifo, folder, folderOf, treeOf } from './trees.ts';

function readBack(tree: Tree, options?: RofsPlanOptions): readonly ReadNode[] {
  const file = join(folder, 'image');
  writeFileSync(file, imageOf(planRofs(tree, options)));
  return readRofsFile(file);
}

describe('planRofs and rofsSegments', () => {
  // The tree, the numbers and the bytes around the data are those OSv's own generator gave.
  const z = bytesOf(513, 1);
  const f = bytesOf(1024, 2);
  const g = bytesOf(513, 3);
  const golden = treeOf({
    z: fileOfBytes(z),
    d: folderOf({
      e: folderOf({ f: fileOfBytes(f), g: fileOfBytes(g) }),
      l: symlink('../z'),
    }),
    b: fileOfBytes(new Uint8Array()),
    tmp: directory(),
  });

  test('give the bytes of the golden image when the order is that of the tree', () => {
    const u64 = (...values: number[]): string =>
      values
        .map((value) => Buffer.of(value & 0xff, value >> 8, 0, 0, 0, 0, 0, 0).toString('hex'))
        .join('');
    const expected = Buffer.alloc(4096);
    const put = (offset: number, ...hex: string[]): void => {
      expected.write(hex.join('').replaceAll(' ', ''), offset, 'hex');
    };
    put(0x000, 'adbeadde00000000 0100000000000000 0002000000000000 0700000000000000');
    put(0x020, '0100000000000000 0800000000000000 0100000000000000 0900000000000000');
    z.copy(expected, 0x200);
    f.copy(expected, 0x600);
    g.copy(expected, 0xa00);
    put(0xe00, '0500000000000000 0100 66', '0600000000000000 0100 67');
    put(0xe16, '0400000000000000 0100 65', '0700000000000000 0100 6c');
    put(0xe2c, '0200000000000000 0100 7a', '0300000000000000 0100 64');
    put(0xe42, '0800000000000000 0100 62', '0900000000000000 0300 746d70');
    put(0xe5a, '0400 2e2e2f7a');
    put(0xe60, u64(0x4000, 1, 4, 4), u64(0x8000, 2, 1, 0x201), u64(0x4000, 3, 2, 2));
    put(0xec0, u64(0x4000, 4, 0, 2), u64(0x8000, 5, 3, 0x400), u64(0x8000, 6, 5, 0x201));
    put(0xf20, u64(0xa000, 7, 0, 1), u64(0x8000, 8, 7, 0), u64(0x4000, 9, 4, 0));

    const image = imageOf(planRofs(golden, { layout: 'upstream' }));
    expect(image.toString('hex')).toBe(expected.toString('hex'));
  });

  test('give the same bytes when layers brought the names in another order', () => {
    const shuffled = treeOf({
      tmp: directory(),
      d: folderOf({
        l: symlink('../z'),
        e: folderOf({ g: fileOfBytes(g), f: fileOfBytes(f) }),
      }),
      b: fileOfBytes(new Uint8Array()),
      z: fileOfBytes(z),
    });
    expect(imageOf(planRofs(shuffled))).toEqual(imageOf(planRofs(golden)));
    expect(imageOf(planRofs(golden))).not.toEqual(
      imageOf(planRofs(golden, { layout: 'upstream' })),
    );
  });

  test('take owners, modes and times for nothing', () => {
    const plain = fileOfBytes(z);
    const odd = { ...plain, mode: 0o4711, uid: 7, gid: 7, mtime: 12.5, xattrs: { a: 'AA==' } };
    expect(imageOf(planRofs(treeOf({ z: odd })))).toEqual(imageOf(planRofs(treeOf({ z: plain }))));
  });

  test('give one block of structure info and no data when the tree is empty', () => {
    const image = imageOf(planRofs(treeOf({})));
    expect(image).toHaveLength(1024);
    expect(readRofs(accessOf(image)).root.entries.size).toBe(0);
  });

  test('add no block when the structure info fills its blocks exactly', () => {
    // 32 bytes for the root, 42 and the name for each file: 32 + 6 * 80 = 512.
    const names = Array.from({ length: 6 }, (_, i) => String(i).repeat(38));
    const tree = treeOf(Object.fromEntries(names.map((name) => [name, fileOfBytes(Buffer.of())])));
    expect(planRofs(tree).size).toBe(1024);
    expect(readBack(tree)).toHaveLength(7);
  });

  test('give hard links one inode, and equal files blocks in common', () => {
    const file = fileOfBytes(z);
    const linked = treeOf({ a: file, b: folderOf({ c: file }), d: fileOfBytes(z) });
    const [, a, , c, d] = readBack(linked);
    expect(a).toMatchObject({ path: '/a', inode: 2 });
    expect(c).toMatchObject({ path: '/b/c', inode: 2 });
    expect(d).toMatchObject({ path: '/d', inode: 4, sha256: a?.sha256 });
    expect(planRofs(linked).data).toHaveLength(1);
    expect(planRofs(linked, { layout: 'upstream' }).data).toHaveLength(3);
    expect(readBack(linked, { layout: 'upstream' }).map(({ inode }) => inode)).toEqual([
      1, 2, 3, 4, 5,
    ]);
  });

  test('cost 50 MB once when a file of 50 MB is there twice', () => {
    const size = 50_000_000;
    const content = { kind: 'layer', offset: 0, size, digest: digestOf(z) } as const;
    const at = (layer: string): FileNode => ({
      ...fileOfBytes(z),
      content: { ...content, layer: parseDiffID(digestOf(Buffer.from(layer))) },
    });
    const one = planRofs(treeOf({ a: at('base') }));
    const two = planRofs(treeOf({ a: at('base'), b: at('app') }));
    expect(two.data).toHaveLength(1);
    expect(two.size - one.size).toBeLessThan(512);
  });

  test('take contents of one digest for two when their sizes differ', () => {
    const honest = fileOfBytes(z);
    const odd = { ...honest, content: { ...honest.content, size: 512 } };
    expect(planRofs(treeOf({ honest, odd })).data).toHaveLength(2);
  });

  test('read no byte of a finished file system, and share what is shared there', () => {
    const tree = treeOf({ a: fileOfBytes(z), b: fileOfBytes(z), c: fileOfBytes(f) });
    const image = imageOf(planRofs(tree));
    const access = accessOf(image);
    let reads = 0;
    const { root } = readRofs({
      size: access.size,
      read: (offset, length) => {
        reads += 1;
        return access.read(offset, length);
      },
    });
    const before = reads;
    const again = planRofs({ root });
    expect(reads).toBe(before);
    expect(again.data).toHaveLength(2);
    expect(imageOf(again)).toEqual(image);
  });

  test('lay files out in the order of their ranks, those of one rank by path', () => {
    const tree = treeOf({
      a: fileOfBytes(bytesOf(1, 1)),
      b: fileOfBytes(bytesOf(1, 2)),
      c: folderOf({ d: fileOfBytes(bytesOf(1, 3)), e: fileOfBytes(bytesOf(1, 4)) }),
      z: fileOfBytes(bytesOf(1, 5)),
    });
    const ranks = new Map([
      ['/z', -1],
      ['/c/d', -1],
      ['/a', 2],
    ]);
    const plan = planRofs(tree, { rank: (path) => ranks.get(path) ?? 0 });
    const first = plan.data.map(({ content }) => (content.kind === 'bytes' ? content.bytes[0] : 0));
    expect(first).toEqual([3, 5, 2, 4, 1]);
  });

  test('place a file by the least rank of its names, and equal files where the first of them lies', () => {
    const linked = fileOfBytes(bytesOf(1, 1));
    const tree = treeOf({
      a: fileOfBytes(bytesOf(1, 2)),
      b: linked,
      c: fileOfBytes(bytesOf(1, 3)),
      y: fileOfBytes(bytesOf(1, 2)),
      z: linked,
    });
    const order = ['/z', '/y'];
    const rank = (path: string): number => (order.includes(path) ? order.indexOf(path) : 9);
    const plan = planRofs(tree, { rank });
    const starts = plan.inodes.filter(({ kind }) => kind === 'file').map(({ start }) => start);
    expect(starts).toEqual([2, 1, 3, 2]);
  });

  test('leave devices and fifos out and say so', () => {
    const tree = treeOf({
      dev: folderOf({ null: { ...fifo, type: 'character' }, p: fifo }),
      z: fifo,
    });
    expect(planRofs(tree).skipped).toEqual([
      { path: '/dev/null', kind: 'character' },
      { path: '/dev/p', kind: 'fifo' },
      { path: '/z', kind: 'fifo' },
    ]);
    expect(readBack(tree).map(({ path }) => path)).toEqual(['/', '/dev']);
  });

  test('write the structure info whole when it has many pieces', () => {
    const empty = fileOfBytes(Buffer.of());
    const files = Array.from({ length: 60_000 }, (_, i) => [`file-${i}`, { ...empty }]);
    const plan = planRofs(treeOf(Object.fromEntries(files)));
    expect([...rofsSegments(plan)].length).toBeGreaterThan(3);
    expect(readRofs(accessOf(imageOf(plan))).root.entries.size).toBe(60_000);
  });

  test('equal what an independent reader reads for any tree', () => {
    fc.assert(
      fc.property(anyTree(), (tree) => {
        const read = readBack(tree);
        expect(read.map(({ inode: _, ...node }) => node)).toEqual(expectedOf(tree));
        const inodes = new Set(read.map(({ inode }) => inode));
        const nodes = new Set([...walkTree(tree)].map(({ node }) => node));
        expect(inodes.size).toBe([...nodes].filter(({ kind }) => kind !== 'special').length);
      }),
      { numRuns: 200, seed: 1 },
    );
  });
});

describe('planRofs', () => {
  const deep = (name: string, depth: number): Tree => {
    let root = directory();
    for (let i = 0; i < depth; i += 1) root = folderOf({ [name]: root });
    return { root };
  };
  const sized = (size: number): FileNode => ({
    ...fileOfBytes(Buffer.of()),
    content: {
      kind: 'layer',
      layer: parseDiffID(digestOf(Buffer.of())),
      offset: 0,
      size,
      digest: digestOf(Buffer.of()),
    },
  });

  test.each([
    ['a path has 4,095 bytes', deep('ž'.repeat(22), 91), deep('ž'.repeat(22), 92)],
    [
      'a name makes it so',
      treeOf({ ['n'.repeat(4094)]: fifo }),
      treeOf({ ['n'.repeat(4095)]: symlink('') }),
    ],
    [
      'a link target has 4,095 bytes',
      treeOf({ l: symlink('t'.repeat(4095)) }),
      treeOf({ l: symlink(`t${'ž'.repeat(2048)}`) }),
    ],
    [
      'there are 2^32 - 1 blocks',
      treeOf({ f: sized((2 ** 32 - 3) * 512) }),
      treeOf({ f: sized((2 ** 32 - 3) * 512 + 1) }),
    ],
  ])('takes a tree when %s, and refuses it above', (_, most, more) => {
    expect(planRofs(most).inodes.length).toBeGreaterThan(0);
    expect(() => planRofs(more)).toThrow(expect.objectContaining({ code: 'ROFS_LIMIT' }));
  });

  test.each(['', '.', '..', 'a/b', 'a\0b'])('refuses the name %j', (name) => {
    const tree = treeOf({ [name]: directory() });
    expect(() => planRofs(tree)).toThrow(expect.objectContaining({ code: 'ROFS_LIMIT' }));
  });

  test('refuses a link target when it holds a NUL', () => {
    const tree = treeOf({ l: symlink('a\0b') });
    expect(() => planRofs(tree)).toThrow(expect.objectContaining({ code: 'ROFS_LIMIT' }));
  });
});
