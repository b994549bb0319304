import { deflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { BundledFile } from '../../../src/dotnet/bundle.ts';
import { unpackBundle } from '../../../src/osv/bundle.ts';
import { openContents, readFile } from '../../../src/tree/contents.ts';
import { editTree } from '../../../src/tree/edit.ts';
import { lookup } from '../../../src/tree/lookup.ts';
import { directory, fileOfBytes } from '../../../src/tree/nodes.ts';
import { digestOf } from '../../../store/index.ts';

const contents = openContents(new Map());
const text = Buffer.from('native code '.repeat(50));
const packed = deflateRawSync(text);
const executable = '/app/run';
const tree = editTree({ root: directory() }, [
  { op: 'set', path: executable, node: fileOfBytes(Buffer.concat([text, packed])) },
]);

function bundleOf(file: Partial<BundledFile>) {
  const extracted: BundledFile[] = [
    {
      path: 'lib/libn.so',
      type: 'native',
      offset: 0,
      size: text.length,
      compressedSize: 0,
      ...file,
    },
  ];
  return {
    executable,
    architecture: 'x64' as const,
    bundle: { id: 'Ab1_-=', majorVersion: 6, extracted },
  };
}

describe('unpackBundle', () => {
  test.each([
    ['stored', {}],
    ['compressed', { offset: text.length, compressedSize: packed.length }],
  ])('lays files that are %s where the host looks for them (DOTNET.md 0.5)', (_how, file) => {
    const unpacked = editTree(tree, unpackBundle(tree, contents, bundleOf(file)));
    const node = lookup(unpacked, '/bundle/run/Ab1_-=/lib/libn.so')?.node;
    if (node?.kind !== 'file') throw new Error('no file');
    expect(Buffer.from(readFile(contents, node, 10_000))).toEqual(text);
    expect(node.content.digest).toBe(digestOf(text));
    expect(node.mode).toBe(0o755);
  });

  test.each([
    ['has another size', { offset: text.length, compressedSize: packed.length, size: 7 }],
    ['is no deflate stream', { compressedSize: 20 }],
    ['is too large', { compressedSize: 20, size: 2 ** 40 }],
  ])('refuses a compressed file when it %s', (_what, file) => {
    expect(() => unpackBundle(tree, contents, bundleOf(file))).toThrow(
      expect.objectContaining({ code: 'APP_INVALID', message: expect.stringContaining('libn.so') }),
    );
  });

  test('does nothing when there is no bundle', () => {
    expect(unpackBundle(tree, contents, { executable, architecture: 'x64' })).toEqual([]);
  });
});
