import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { errorCodeOf } from '../../../src/error.ts';
import { flatten } from '../../../src/tree/flatten.ts';
import type { Tree } from '../../../src/tree/tree.ts';
import { walkTree } from '../../../src/tree/walk.ts';
import { digestOf, parseDiffID } from '../../../store/index.ts';
import {
  directory,
  file,
  hardlink,
  type LayerItem,
  opaque,
  symlink,
  whiteout,
} from '../../support/layers.ts';
import { listTree } from '../../support/list-tree.ts';
import { readTar } from '../../support/read-tar.ts';
import { archive, member } from '../../support/tar-builder.ts';
import { failure, listing, root } from './flattened.ts';
import { layers } from './layer-index.ts';

describe('flatten, names that would leave the tree', () => {
  /** The tree as text, every component of which is a plain name. */
  const inside = (tree: Tree) => {
    for (const { path } of walkTree(tree)) {
      expect(path).toMatch(/^\/$|^(\/(?!\.{1,2}(\/|$))[^/\0]+)+$/u);
    }
    return listTree(tree);
  };

  test('end at the root when a link above it is in their parents (undock#461)', () => {
    for (const target of ['../../../../tmp', '/../tmp', '/tmp', 'd/../../../tmp']) {
      for (const split of [1, 2]) {
        const items = [directory('d'), symlink('d/l', target), file('d/l/out', 'x')];
        const layered = layers(items.slice(0, split + 1), items.slice(split + 1));
        const text = inside(flatten(layered));
        expect(text).toContain('- 0644 1 /tmp/out\n');
        expect(text).toContain(`l 0777 0 /d/l -> ${target}\n`);
      }
    }
  });

  test('end at the root when a chain of links climbs (undock#461)', () => {
    const chain = [
      directory('d'),
      symlink('d/a', '..'),
      symlink('d/b', 'a/..'),
      symlink('d/c', 'b/../..'),
    ];
    const tree = flatten(layers(chain, [file('d/c/d/b/out', 'x')]));
    expect(inside(tree)).toContain('- 0644 1 /out\n');
  });

  test('are refused as targets of hard links that only the host has (umoci#27)', () => {
    const escapes: readonly (readonly LayerItem[])[] = [
      [hardlink('a', 'etc/passwd')],
      [symlink('etc', '/etc'), hardlink('a', 'etc/passwd')],
      [symlink('up', '../../../../etc'), hardlink('a', 'up/passwd')],
    ];
    for (const layer of escapes) {
      expect(errorCodeOf(failure(layer))).toBe('LAYER_CORRUPT');
      expect(errorCodeOf(failure(layer.slice(0, -1), layer.slice(-1)))).toBe('LAYER_CORRUPT');
    }
  });

  test('replace a link, and do not follow it, when it is the last of the path (umoci#27)', () => {
    const link = [directory('t', { mode: 0o700 }), file('t/x', '22'), symlink('a', '/t')];
    const kept = ['d 0700 0 /t', '- 0644 2 /t/x'];
    expect(listing(link, [file('a', '1')])).toEqual([root, '- 0644 1 /a', ...kept]);
    expect(listing(link, [directory('a')])).toEqual([root, 'd 0755 0 /a', ...kept]);
    expect(listing(link, [hardlink('a', 't/x')])).toEqual([root, '- 0644 2 /a', ...kept]);
    expect(listing(link, [whiteout('a')])).toEqual([root, ...kept]);
    const linked = [symlink('l', '/t'), hardlink('a', 'l'), file('a', '1')];
    expect(listing(linked)).toEqual([root, '- 0644 1 /a', 'l 0777 0 /l -> /t']);
  });

  test('hide nothing outside when whiteouts and opaque markers stand behind links', () => {
    const lower = [directory('d'), symlink('d/up', '../../..'), file('kept', ''), file('gone', '')];
    expect(inside(flatten(layers(lower, [whiteout('d/up/gone')])))).toBe(
      ['d 0755 0 /', 'd 0755 0 /d', 'l 0777 0 /d/up -> ../../..', '- 0644 0 /kept', ''].join('\n'),
    );
    expect(inside(flatten(layers(lower, [opaque('d/up')])))).toBe('d 0755 0 /\n');
  });

  test('stay inside, or are refused, for any names and targets in tars', () => {
    const part = fc.constantFrom('..', '.', '', 'a', 'b', 'c');
    const name = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
    const drawn = fc.tuple(fc.constantFrom('0', '1', '2', '5'), name, name);
    const diffID = parseDiffID(digestOf(new Uint8Array()));
    let kept = 0;
    fc.assert(
      fc.property(fc.array(drawn, { maxLength: 6 }), (members) => {
        const tar = archive(
          ...members.map(([type, at, linkname]) => member({ type, name: at || 'd', linkname })),
        );
        try {
          inside(flatten([{ diffID, size: tar.length, entries: readTar(tar) }]));
          kept += 1;
        } catch (error) {
          if (errorCodeOf(error) !== 'LAYER_CORRUPT') throw error;
        }
      }),
      { numRuns: 1000, seed: 20_250_102 },
    );
    expect(kept).toBeGreaterThan(100);
  });
});

describe('flatten, parents that are no folders', () => {
  test('gives way when the file is of a lower layer', () => {
    expect(listing([file('a', '1')], [file('a/b', '')])).toEqual([
      root,
      'd 0755 0 /a',
      '- 0644 0 /a/b',
    ]);
  });

  test('refuses the layer when the file is its own', () => {
    expect(errorCodeOf(failure([file('a', '1'), file('a/b', '')]))).toBe('LAYER_CORRUPT');
  });

  test('refuses the layer when the root is a file', () => {
    expect(errorCodeOf(failure([file('', '1')]))).toBe('LAYER_CORRUPT');
  });

  test('refuses folders in folders when there are more than any path can name', () => {
    expect(listing([directory('d/'.repeat(2048).slice(0, -1))])).toHaveLength(2049);
    const error = failure([directory('d/'.repeat(2049).slice(0, -1))]);
    expect(errorCodeOf(error)).toBe('LAYER_LIMIT');
    // Each layer could add as much again behind a link.
    const deep = [directory('d/'.repeat(1500).slice(0, -1)), symlink('l', 'd/'.repeat(1500))];
    expect(errorCodeOf(failure(deep, [file(`l/${'d/'.repeat(1500)}x`, '')]))).toBe('LAYER_LIMIT');
  });

  test('refuses to follow links without end when few bytes of a layer would take hours', () => {
    const chain = Array.from({ length: 40 }, (_, at) =>
      symlink(`l${at}`, `${'./'.repeat(2040)}${at === 0 ? 'd' : `l${at - 1}`}`),
    );
    const behind = Array.from({ length: 2000 }, (_, at) => file(`l39/d${at}/f`, ''));
    expect(errorCodeOf(failure([directory('d'), ...chain, ...behind]))).toBe('LAYER_LIMIT');
  });
});
