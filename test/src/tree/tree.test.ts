import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Contents,
  contentAccess,
  openContents,
  readFile,
} from '../../../src/tree/contents.ts';
import { type Edit, editTree } from '../../../src/tree/edit.ts';
import { flatten } from '../../../src/tree/flatten.ts';
import { lookup } from '../../../src/tree/lookup.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import type { Content, Tree } from '../../../src/tree/tree.ts';
import { walkTree } from '../../../src/tree/walk.ts';
import { decodeName, type Extent, type Layer } from '../../../store/index.ts';
import * as item from '../../support/layers.ts';
import { listTree } from '../../support/list-tree.ts';
import { layerIndex, layers } from './layer-index.ts';

function treeOf(...items: readonly item.LayerItem[]): Tree {
  return flatten(layers(items));
}

describe('lookup', () => {
  const chain = Array.from({ length: 41 }, (_, i) => item.symlink(`chain${i}`, `chain${i + 1}`));
  const tree = treeOf(
    item.file('usr/lib/libc.so', ''),
    item.symlink('lib', 'usr/lib'),
    item.symlink('usr/abs', '/lib/libc.so'),
    item.symlink('usr/lib/up', '../../usr/./lib//libc.so'),
    item.symlink('out', '../../../etc'),
    item.file('etc/hosts', ''),
    item.symlink('loop', 'loop'),
    item.symlink('dangling', 'nowhere/x'),
    item.symlink('empty', ''),
    item.symlink('self', '.'),
    item.symlink('top', '/'),
    ...chain,
    item.file('chain41', ''),
  );

  test.each([
    ['/', '/'],
    ['', '/'],
    ['/usr//./lib/', '/usr/lib'],
    ['usr/lib', '/usr/lib'],
    ['/lib/libc.so', '/usr/lib/libc.so'],
    ['/usr/abs', '/usr/lib/libc.so'],
    ['/lib/up', '/usr/lib/libc.so'],
    ['/lib/../lib', '/usr/lib'],
    ['/../../etc/hosts', '/etc/hosts'],
    ['/out/hosts', '/etc/hosts'],
    ['/self/self/top/top/self/etc/hosts', '/etc/hosts'],
    ['/chain1', '/chain41'],
  ])('finds %s at %s when links are followed', (path, real) => {
    expect(lookup(tree, path)?.path).toBe(real);
  });

  test.each([
    '/nowhere',
    '/usr/lib/libc.so/',
    '/usr/lib/libc.so/.',
    '/usr/lib/libc.so/..',
    '/usr/abs/x',
    '/nowhere/..',
    '/loop',
    '/loop/x',
    '/dangling',
    '/empty',
    '/chain0',
  ])('finds nothing when it is asked for %s', (path) => {
    expect(lookup(tree, path)).toBeUndefined();
  });

  test('gives the link itself when it is not to follow, but follows those before it', () => {
    expect(lookup(tree, '/self/lib/up', { follow: false })).toMatchObject({
      path: '/usr/lib/up',
      node: { kind: 'symlink' },
    });
    expect(lookup(tree, '/loop', { follow: false })?.node.kind).toBe('symlink');
    expect(lookup(tree, '/lib/', { follow: false })?.path).toBe('/usr/lib');
  });
});

describe('editTree', () => {
  const tree = treeOf(
    item.file('usr/lib/a', '1'),
    item.symlink('lib', 'usr/lib'),
    item.symlink('run', '/var/run'),
    item.symlink('loop', 'loop'),
    item.file('opt/b', '1'),
  );
  const before = listTree(tree);
  const two = fileOfBytes(Buffer.from('22'));

  function edited(...edits: readonly Edit[]): string[] {
    const lines = listTree(editTree(tree, edits)).split('\n');
    expect(listTree(tree)).toBe(before);
    return lines.filter((line) => !before.split('\n').includes(line));
  }

  test('makes missing parents with mode 0755 when it sets a node', () => {
    expect(edited({ op: 'set', path: '/x/y/z', node: two })).toEqual([
      'd 0755 0 /x',
      'd 0755 0 /x/y',
      '- 0644 2 /x/y/z',
    ]);
  });

  test('follows links in the parents of a path, also into folders that are missing', () => {
    expect(edited({ op: 'set', path: '/lib/c', node: two })).toEqual(['- 0644 2 /usr/lib/c']);
    expect(edited({ op: 'set', path: '/run/c', node: two })).toEqual([
      'd 0755 0 /var',
      'd 0755 0 /var/run',
      '- 0644 2 /var/run/c',
    ]);
  });

  test('replaces a link when it is the end of the path', () => {
    expect(edited({ op: 'set', path: '/lib', node: directory() })).toEqual(['d 0755 0 /lib']);
    const without = editTree(tree, [{ op: 'remove', path: '/lib' }]);
    expect(lookup(without, '/lib', { follow: false })).toBeUndefined();
    expect(lookup(without, '/usr/lib/a')).toBeDefined();
  });

  test('removes a folder with all below it, and nothing when nothing is there', () => {
    const without = editTree(tree, [{ op: 'remove', path: '/usr' }]);
    expect(listTree(without)).not.toContain('/usr/');
    for (const path of ['/none', '/none/x', '/opt/b/x', '/loop/x']) {
      expect(listTree(editTree(tree, [{ op: 'remove', path }]))).toBe(before);
    }
  });

  test('applies edits in their order when they meet', () => {
    const given = directory(new Map([['inner', two]]));
    const result = editTree(tree, [
      { op: 'set', path: '/x', node: given },
      { op: 'set', path: '/x/more', node: symlink('inner') },
      { op: 'remove', path: '/x/inner' },
      { op: 'set', path: '/x/inner/deeper', node: two },
      { op: 'remove', path: '/opt' },
      { op: 'set', path: '/opt', node: two },
    ]);
    expect(listTree(result)).toContain('l 0777 0 /x/more -> inner\n');
    expect(listTree(result)).toContain('- 0644 2 /x/inner/deeper\n');
    expect(listTree(result)).toContain('- 0644 2 /opt\n');
    expect([...given.entries.keys()]).toEqual(['inner']);
  });

  test('shares with the old tree every folder that no edit touches', () => {
    const result = editTree(tree, [
      { op: 'set', path: '/opt/c', node: two },
      { op: 'remove', path: '/usr/lib/none' },
    ]);
    expect(lookup(result, '/usr')?.node).toBe(lookup(tree, '/usr')?.node);
    expect(lookup(result, '/opt/b')?.node).toBe(lookup(tree, '/opt/b')?.node);
    expect(lookup(result, '/opt')?.node).not.toBe(lookup(tree, '/opt')?.node);
  });

  test.each(['/opt/b/c', '/loop/c', '/', '', 'relative', '/opt/', '/opt/..', '/.'])(
    'refuses to set %j when it cannot be a path below directories',
    (path) => {
      expect(() => editTree(tree, [{ op: 'set', path, node: two }])).toThrow(
        expect.objectContaining({ code: 'ROOT_CONFLICT' }),
      );
    },
  );
});

describe('walkTree', () => {
  test('visits folders before what they hold, names by their bytes, when layers brought them in any order', () => {
    // U+FF5E is EF BD 9E in UTF-8 and U+1F600 is F0 9F 98 80, but a surrogate pair from D83D in UTF-16.
    const names = ['\u{1f600}', '\uff5e', 'b', 'B', 'a.b', 'a/x', decodeName(Buffer.of(0xff))];
    const tree = treeOf(...names.map((name) => item.file(name, '')));
    expect([...walkTree(tree)].map(({ path }) => path)).toEqual([
      '/',
      '/B',
      '/a',
      '/a/x',
      '/a.b',
      '/b',
      '/\uff5e',
      '/\u{1f600}',
      '/\udcff',
    ]);
  });
});

describe('listTree', () => {
  test('keeps one line a node when names hold line breaks, escapes and bytes that are not UTF-8', () => {
    const name = `a\n\x1b[31m\\${decodeName(Buffer.of(0xc3))}ž`;
    expect(listTree(treeOf(item.symlink(name, 'x\ny')))).toBe(
      'd 0755 0 /\nl 0777 0 /a\\x0a\\x1b[31m\\\\\\xc3ž -> x\\x0ay\n',
    );
  });
});

describe('contents', () => {
  function layerOf(bytes: Uint8Array): Layer {
    const index = layerIndex('0', []);
    const readInto = (target: Uint8Array, offset: number) =>
      Buffer.from(bytes).copy(target, 0, offset, offset + target.length);
    return { diffID: index.diffID, index, readInto, close: () => undefined };
  }

  function contentIn(layer: Layer, offset: number, size: number, extents?: Extent[]): Content {
    const bytes = Buffer.alloc(size);
    for (const run of extents ?? [{ position: 0, offset, length: size }]) {
      layer.readInto(bytes.subarray(run.position, run.position + run.length), run.offset);
    }
    const { digest } = fileOfBytes(bytes).content;
    const content = { kind: 'layer', layer: layer.diffID, offset, size, digest } as const;
    return extents ? { ...content, extents } : content;
  }

  function read(contents: Contents, content: Content, position: number, length: number): string {
    const target = Buffer.alloc(length, '?');
    contents.readInto(content, position, target);
    return target.toString('latin1');
  }

  test('readInto gives bytes of a layer and of memory when asked for any part', () => {
    const layer = layerOf(Buffer.from('0123456789'));
    const contents = openContents(new Map([[layer.diffID, layer]]));
    const inLayer = contentIn(layer, 3, 5);
    const { content: inMemory } = fileOfBytes(Buffer.from('34567'));
    for (const content of [inLayer, inMemory]) {
      expect(read(contents, content, 0, 5)).toBe('34567');
      expect(read(contents, content, 1, 3)).toBe('456');
      expect(read(contents, content, 5, 0)).toBe('');
      expect(() => read(contents, content, 1, 5)).toThrow(RangeError);
      expect(() => read(contents, content, -1, 2)).toThrow(RangeError);
    }
  });

  test('readInto fills holes with zeros for any extents and any part', () => {
    const extents = fc
      .array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 1, max: 5 })))
      .map((gaps) => {
        let position = 0;
        let offset = 7;
        return gaps.map(([gap, length]): Extent => {
          const extent = { position: position + gap, offset, length };
          position += gap + length;
          offset += length;
          return extent;
        });
      });
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const layer = layerOf(bytes);
    const contents = openContents(new Map([[layer.diffID, layer]]));
    fc.assert(
      fc.property(extents, fc.nat(5), fc.nat(60), fc.nat(60), (runs, tail, from, length) => {
        const last = runs.at(-1);
        const size = (last ? last.position + last.length : 0) + tail;
        const expected = Buffer.alloc(size);
        for (const run of runs)
          bytes.copy(expected, run.position, run.offset, run.offset + run.length);
        const start = Math.min(from, size);
        const end = Math.min(start + length, size);
        const part = read(contents, contentIn(layer, 7, size, runs), start, end - start);
        expect(part).toBe(expected.subarray(start, end).toString('latin1'));
      }),
    );
  });

  describe('of a layer in which a bit is flipped', () => {
    const sound = Buffer.from('0123456789');
    const flipped = Buffer.from('0123456780');
    const holed = [
      { position: 1, offset: 2, length: 3 },
      { position: 6, offset: 8, length: 2 },
    ];

    /** A file as the index tells it, in a tar that has changed since. */
    function changedFile(extents?: Extent[]) {
      const content = contentIn(layerOf(sound), 2, 8, extents);
      const { digest } = content;
      const entry = { kind: 'file', path: 'app/web.dll', offset: 2, size: 8, digest } as const;
      const layer = layerOf(flipped);
      const entries = [{ ...entry, mode: 0o644, uid: 0, gid: 0, mtime: 0 }];
      const index = { ...layer.index, entries };
      const contents = openContents(new Map([[layer.diffID, { ...layer, index }]]));
      return { contents, content, layer };
    }

    test.each([
      ['at once', undefined, [8]],
      ['in pieces', undefined, [3, 1, 4]],
      ['with holes, at once', holed, [8]],
      ['with holes, in pieces', holed, [5, 2, 1]],
    ])('readInto names the file when it is read %s', (_how, extents, lengths) => {
      const { contents, content, layer } = changedFile(extents);
      const reading = () => {
        let at = 0;
        for (const length of lengths) {
          read(contents, content, at, length);
          at += length;
        }
      };
      expect(reading).toThrow(
        expect.objectContaining({
          code: 'STORE_CORRUPT',
          digest: layer.diffID,
          message: expect.stringMatching(
            `"app/web.dll" of layer ${layer.diffID}.*${content.digest}`,
          ),
        }),
      );
    });

    test('verifyRead finds it in a file that was read in parts', () => {
      const { contents, content } = changedFile();
      contents.verifyRead();
      read(contents, content, 0, 3);
      read(contents, content, 5, 3);
      expect(() => contents.verifyRead()).toThrow(
        expect.objectContaining({ code: 'STORE_CORRUPT' }),
      );
    });

    test('verifyRead is content when the parts are of sound files', () => {
      const layer = layerOf(flipped);
      const contents = openContents(new Map([[layer.diffID, layer]]));
      const content = contentIn(layer, 2, 8);
      read(contents, content, 3, 2);
      contents.verifyRead();
      expect(read(contents, content, 0, 8)).toBe('23456780');
    });
  });

  test('readInto says which layer is broken when its tar is too short', () => {
    const layer = layerOf(Buffer.from('0123'));
    const contents = openContents(new Map([[layer.diffID, layer]]));
    const corrupt = expect.objectContaining({ code: 'STORE_CORRUPT' });
    expect(() => read(contents, contentIn(layer, 2, 5), 0, 5)).toThrow(corrupt);
  });

  test('readInto refuses a content when its layer is not open', () => {
    const layer = layerOf(Buffer.from('0123'));
    expect(() => read(openContents(new Map()), contentIn(layer, 0, 1), 0, 1)).toThrow(
      expect.objectContaining({ code: 'BLOB_MISSING' }),
    );
  });

  test('readFile refuses a file when it is above the cap', () => {
    const file = fileOfBytes(Buffer.from('abc'));
    const contents = openContents(new Map());
    expect(Buffer.from(readFile(contents, file, 3)).toString()).toBe('abc');
    expect(() => readFile(contents, file, 2)).toThrow(
      expect.objectContaining({ code: 'LAYER_LIMIT' }),
    );
  });

  test('contentAccess gives fewer bytes when the content ends before', () => {
    const access = contentAccess(openContents(new Map()), fileOfBytes(Buffer.from('abc')).content);
    expect(access.size).toBe(3);
    expect(Buffer.from(access.read(1, 10)).toString()).toBe('bc');
    expect(access.read(3, 1)).toHaveLength(0);
    expect(access.read(9, 1)).toHaveLength(0);
  });
});
