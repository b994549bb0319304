import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { errorCodeOf } from '../../../src/error.ts';
import { planRofs } from '../../../src/rofs/plan.ts';
import { readRofs } from '../../../src/rofs/read.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import type { Node } from '../../../src/tree/tree.ts';
import type { ReadNode } from '../../support/rofs-reader.ts';
import { accessOf, imageOf } from './image.ts';
import {
  anyTree,
  bytesOf,
  expectedNode,
  expectedOf,
  folderOf,
  readablePath,
  treeOf,
} from './trees.ts';

describe('readRofs', () => {
  const tree = treeOf({
    a: fileOfBytes(bytesOf(700, 1)),
    d: folderOf({ e: directory(), f: fileOfBytes(bytesOf(3, 2)) }),
    l: symlink('a'),
  });

  const image = imageOf(planRofs(tree));
  // Blocks 1 to 3 are data; then d's entries, the root's, one link, six inodes.
  const info = 4 * 512;
  const inodes = info + 5 * 11 + 3;

  test('gives the tree that was written, for any tree', () => {
    fc.assert(
      fc.property(anyTree(), (any) => {
        const bytes = imageOf(planRofs(any));
        const seen: Omit<ReadNode, 'inode'>[] = [];
        const visit = (path: string, node: Node): void => {
          if (node.kind === 'special') throw new Error(`${path}: ROFS holds no devices`);
          seen.push({ path: readablePath(path), kind: node.kind, ...expectedNode(node) });
          if (node.kind !== 'directory') return;
          for (const [name, child] of node.entries)
            visit(`${path === '/' ? '' : path}/${name}`, child);
        };
        visit('/', readRofs(accessOf(bytes)).root);
        expect(seen).toEqual(expectedOf(any));
      }),
      { numRuns: 100, seed: 2 },
    );
  });

  const corruptions: [string, (image: Buffer) => Buffer][] = [
    ['nothing', () => Buffer.alloc(0)],
    ['half a superblock', (bytes) => bytes.subarray(0, 63)],
    ['another magic', (bytes) => set(bytes, 0, 0)],
    ['version 2', (bytes) => set(bytes, 8, 2)],
    ['blocks of 4096 bytes', (bytes) => set(bytes, 16, 4096)],
    ['structure info in block 0', (bytes) => set(bytes, 24, 0)],
    ['structure info past the end', (bytes) => set(bytes, 24, 100)],
    ['a block number past 2^53', (bytes) => set(bytes, 24, 2n ** 64n - 1n)],
    ['a cut-off end', (bytes) => bytes.subarray(0, -1)],
    ['no structure info', (bytes) => set(bytes, 32, 0)],
    ['more entries than bytes', (bytes) => set(bytes, 40, 1_000_000_000)],
    ['more links than bytes', (bytes) => set(bytes, 48, 257)],
    ['no inodes', (bytes) => set(bytes, 56, 0)],
    ['more inodes than bytes', (bytes) => set(bytes, 56, 17)],
    ['an entry too many', (bytes) => set(bytes, 40, 30)],
    ['a name past the end', (bytes) => fill(bytes, info + 8, 0xff, 2)],
    ['an empty name', (bytes) => name(bytes, '')],
    ['a name with a slash', (bytes) => name(bytes, '/')],
    ['a name with a NUL', (bytes) => name(bytes, '\0')],
    ['the name .', (bytes) => name(bytes, '.')],
    ['one name twice', (bytes) => name(bytes, 'f')],
    ['an entry for inode 0', (bytes) => set(bytes, info, 0)],
    ['an entry for inode 99', (bytes) => set(bytes, info, 99)],
    ['an entry for the root', (bytes) => set(bytes, info, 1)],
    ['an entry for its own directory', (bytes) => set(bytes, info, 3)],
    ['an inode of an unknown kind', (bytes) => set(bytes, inodes + 32, 0x1000)],
    ['inodes out of order', (bytes) => set(bytes, inodes + 32 + 8, 3)],
    ['a file as the root', (bytes) => set(bytes, inodes, 0x8000)],
    ['entries of a directory past the table', (bytes) => set(bytes, inodes + 16, 3)],
    [
      'two directories with the same entries',
      (bytes) => set(set(bytes, inodes + 96 + 16, 0), inodes + 96 + 24, 2),
    ],
    ['a directory without end', (bytes) => set(bytes, inodes + 24, 2n ** 63n)],
    ['data in block 0', (bytes) => set(bytes, inodes + 32 + 16, 0)],
    ['data past the data', (bytes) => set(bytes, inodes + 32 + 16, 3)],
    ['data without end', (bytes) => set(bytes, inodes + 32 + 24, 2n ** 64n - 1n)],
    ['a link that is not there', (bytes) => set(bytes, inodes + 160 + 16, 1)],
  ];
  test.each(corruptions)('refuses an image with %s', (_, corrupt) => {
    const broken = corrupt(Buffer.from(image));
    expect(() => readRofs(accessOf(broken))).toThrow(
      expect.objectContaining({ code: 'ROFS_INVALID' }),
    );
  });

  test('refuses structure info when it is larger than any real one', () => {
    const bytes = set(Buffer.from(image), 32, 2 ** 21 + 1);
    const access = { ...accessOf(bytes), size: 2 ** 40 };
    expect(() => readRofs(access)).toThrow(expect.objectContaining({ code: 'ROFS_INVALID' }));
  });

  test('reads or refuses any image with broken bytes', () => {
    const change = fc.tuple(fc.nat(image.length - 1), fc.nat(255));
    let refused = 0;
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        const bytes = Buffer.from(image);
        for (const [at, value] of changes) {
          // Most of the image is data and padding, where nothing can go wrong.
          const target = at % 2 === 0 ? at % 64 : info + (at % 260);
          bytes[target] = value;
        }
        try {
          readRofs(accessOf(bytes));
        } catch (error) {
          expect(errorCodeOf(error)).toBe('ROFS_INVALID');
          refused += 1;
        }
      }),
      { numRuns: 3000, seed: 3 },
    );
    expect(refused).toBeGreaterThan(500);
  });

  function set(bytes: Buffer, offset: number, value: number | bigint): Buffer {
    bytes.writeBigUInt64LE(BigInt(value), offset);
    return bytes;
  }

  function fill(bytes: Buffer, offset: number, value: number, length: number): Buffer {
    return bytes.fill(value, offset, offset + length);
  }

  /** Of the first entry, whose name has one byte. */
  function name(bytes: Buffer, text: string): Buffer {
    bytes.writeUInt16LE(text.length, info + 8);
    bytes.write(text, info + 10);
    return bytes;
  }
});
