import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { errorCodeOf } from '../../../src/error.ts';
import { flatten } from '../../../src/tree/flatten.ts';
import { lookup } from '../../../src/tree/lookup.ts';
import {
  directory,
  file,
  type LayerItem,
  opaque,
  special,
  symlink,
  whiteout,
} from '../../support/layers.ts';
import { listTree } from '../../support/list-tree.ts';
import { flattenNaively } from './flatten-oracle.ts';
import { failure, listing, root } from './flattened.ts';
import { layers } from './layer-index.ts';
import { randomLayers } from './random-layers.ts';

/** `before` and `after` the rest of its layer. */
function atEitherPlace(marker: LayerItem, rest: readonly LayerItem[]): LayerItem[][] {
  return [
    [marker, ...rest],
    [...rest, marker],
  ];
}

describe('flatten', () => {
  test('gives an empty root when there is no layer', () => {
    expect(listing()).toEqual([root]);
  });

  test('makes missing parents with mode 0755 when a layer has none', () => {
    expect(listing([file('a/b/c', 'xyz')])).toEqual([
      root,
      'd 0755 0 /a',
      'd 0755 0 /a/b',
      '- 0644 3 /a/b/c',
    ]);
  });

  test('describes a directory when its entry comes after its children', () => {
    expect(listing([file('a/b', ''), directory('a', { mode: 0o700 })])).toEqual([
      root,
      'd 0700 0 /a',
      '- 0644 0 /a/b',
    ]);
  });

  test('finds a parent anew when an entry in it changes what its path means', () => {
    const looped = [symlink('a/l', '.'), file('a/l/before', '')];
    const after = file('a/l/after', '');
    expect(listing([...looped, directory('a/l/l'), after])).toContain('- 0644 0 /a/l/after');
    expect(listing([...looped, symlink('a/l/l', '/b'), after])).toContain('- 0644 0 /b/after');
  });

  test('takes the attributes of the later directory and keeps the children of both when two merge', () => {
    const lower = [directory('a'), file('a/lower', '')];
    const upper = [directory('a', { mode: 0o1777 }), file('a/upper', '')];
    expect(listing(lower, upper)).toEqual([
      root,
      'd 1777 0 /a',
      '- 0644 0 /a/lower',
      '- 0644 0 /a/upper',
    ]);
  });

  test('sets the attributes of the root when a layer describes it (./ entries, go-containerregistry#2399)', () => {
    expect(listing([directory('', { mode: 0o711 }), file('a', '')])).toEqual([
      'd 0711 0 /',
      '- 0644 0 /a',
    ]);
  });

  test('keeps owner, time and extended attributes', () => {
    const xattrs = { 'user.a': 'AAE=' };
    const tree = flatten(layers([file('a', '', { uid: 1, gid: 2, mtime: -1.5, xattrs })]));
    expect(lookup(tree, '/a')?.node).toMatchObject({ uid: 1, gid: 2, mtime: -1.5, xattrs });
  });

  test('keeps devices and fifos as data', () => {
    expect(listing([special('null', 'character', 1, 3), special('p', 'fifo')])).toEqual([
      root,
      'c 0600 0 /null 1,3',
      'p 0600 0 /p',
    ]);
  });

  test('takes the last when a layer names one path twice (image-spec#1301)', () => {
    expect(listing([file('a', '1'), file('a', '22')])).toEqual([root, '- 0644 2 /a']);
    expect(listing([file('a/b', ''), file('a', '22')])).toEqual([root, '- 0644 2 /a']);
    expect(listing([file('a', '22'), directory('a'), file('a/b', '')])).toEqual([
      root,
      'd 0755 0 /a',
      '- 0644 0 /a/b',
    ]);
  });

  test('keeps names apart that are equal only as text (invalid UTF-8, image-spec#1301)', () => {
    const names = ['\udcff', '\ufffd', '\udcc3(', '\u00e9', 'e\u0301'];
    const lines = listing(
      names.map((name, at) => file(name, 'x'.repeat(at))),
      [whiteout('\udcff'), file('\ufffd', 'new')],
    );
    expect(lines).toEqual([
      root,
      '- 0644 4 /e\u0301',
      '- 0644 2 /\\xc3(',
      '- 0644 3 /\u00e9',
      '- 0644 3 /\ufffd',
    ]);
  });

  test('hides lower children when a directory becomes something else and a directory again', () => {
    const lower = [file('a/x', '')];
    expect(listing(lower, [symlink('a', 'b')])).toEqual([root, 'l 0777 0 /a -> b']);
    expect(listing(lower, [file('a', '')], [directory('a')])).toEqual([root, 'd 0755 0 /a']);
  });

  test('survives names that objects have when they come as paths', () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
    const lines = listing(names.map((name) => file(`${name}/${name}`, '')));
    expect(lines).toHaveLength(9);
  });
});

describe('flatten, whiteouts', () => {
  test.each([
    ['a file', [file('a/x', '')]],
    ['a folder with all below it', [file('a/x/y/z', '')]],
    ['a symlink, not what it leads to', [symlink('a/x', '/t')]],
  ])('hides %s when a layer above removes it', (_, lower) => {
    expect(listing(lower, [whiteout('a/x')])).toEqual([root, 'd 0755 0 /a']);
  });

  test('hides nothing when the path is not there or leads nowhere', () => {
    const lower = [file('a', ''), symlink('loop', 'loop'), symlink('l', 'nowhere')];
    const upper = ['x', 'x/y', 'a/b', 'loop/x', 'l/x'].map(whiteout);
    expect(listing(lower, upper)).toEqual(listing(lower));
  });

  test('hides lower layers only when its own layer brings the path too, before or after it (go-containerregistry#1623)', () => {
    for (const layer of atEitherPlace(whiteout('a'), [file('a', '22')])) {
      expect(listing(layer)).toEqual([root, '- 0644 2 /a']);
      expect(listing([file('a', '1')], layer)).toEqual([root, '- 0644 2 /a']);
      expect(listing([file('a/b/c', '1')], layer)).toEqual([root, '- 0644 2 /a']);
    }
  });

  test('shows nothing of the old when a directory is removed and made again (go-containerregistry#2029)', () => {
    const lower = [directory('a', { mode: 0o700 }), file('a/old', ''), file('a/sub/old', '')];
    for (const layer of atEitherPlace(whiteout('a'), [
      directory('a', { mode: 0o711 }),
      file('a/sub/new', ''),
    ])) {
      expect(listing(lower, layer)).toEqual([
        root,
        'd 0711 0 /a',
        'd 0755 0 /a/sub',
        '- 0644 0 /a/sub/new',
      ]);
    }
    expect(listing(lower, [whiteout('a')], [directory('a')])).toEqual([root, 'd 0755 0 /a']);
  });

  test('forgets the attributes of a removed directory when its own layer only has something below it', () => {
    for (const layer of atEitherPlace(whiteout('a'), [file('a/new', '')])) {
      expect(listing([directory('a', { mode: 0o700 }), file('a/old', '')], layer)).toEqual([
        root,
        'd 0755 0 /a',
        '- 0644 0 /a/new',
      ]);
    }
  });

  test('refuses a layer when it removes the root', () => {
    expect(errorCodeOf(failure([whiteout('')]))).toBe('LAYER_CORRUPT');
  });
});

describe('flatten, opaque markers', () => {
  test('hides lower layers only, whether the marker is before or after its siblings (containerd#6991)', () => {
    const lower = [directory('a', { mode: 0o700 }), file('a/old', ''), file('a/sub/old', '')];
    for (const layer of atEitherPlace(opaque('a'), [file('a/new', ''), file('a/sub/new', '')])) {
      expect(listing(lower, layer)).toEqual([
        root,
        'd 0700 0 /a',
        '- 0644 0 /a/new',
        'd 0755 0 /a/sub',
        '- 0644 0 /a/sub/new',
      ]);
    }
  });

  test('hides everything when it is in the root', () => {
    for (const layer of atEitherPlace(opaque(''), [file('new', '')])) {
      expect(listing([file('a/old', ''), file('old', '')], layer)).toEqual([root, '- 0644 0 /new']);
    }
  });

  test('hides nothing of what a link leads to when its layer replaced the link by a directory', () => {
    const lower = [file('usr/lib/x', ''), symlink('lib', 'usr/lib')];
    expect(listing(lower, [directory('lib'), opaque('lib')])).toContain('- 0644 0 /usr/lib/x');
  });

  test('hides a file again when it comes back in a layer between', () => {
    expect(listing([file('a/x', '')], [opaque('a')], [file('a/x', '22')], [opaque('a')])).toEqual([
      root,
      'd 0755 0 /a',
    ]);
  });
});

describe('flatten, in general', () => {
  test('equals the naive oracle for any layers', () => {
    let compared = 0;
    fc.assert(
      fc.property(randomLayers(), (given) => {
        const expected = flattenNaively(given);
        if (expected) {
          compared += 1;
          expect(listTree(flatten(given)).trimEnd().split('\n').sort()).toEqual(expected);
        } else {
          expect(() => flatten(given)).toThrow(expect.objectContaining({ code: 'LAYER_CORRUPT' }));
        }
      }),
      { numRuns: 4000, seed: 20_250_101 },
    );
    expect(compared).toBeGreaterThan(1000);
  });

  test('is linear when 100,000 files in 5 layers come with whiteouts and opaque markers', () => {
    const given = layers(
      ...Array.from({ length: 5 }, (_, layer) => [
        ...Array.from({ length: 20_000 }, (_, i) =>
          file(`usr/share/dir${i % 500}/f${layer}-${i}`, ''),
        ),
        ...Array.from({ length: 500 }, (_, i) => whiteout(`usr/share/dir${i}`)),
        ...Array.from({ length: 5000 }, () => opaque('usr/share')),
      ]),
    );
    const start = performance.now();
    const tree = flatten(given);
    const elapsed = performance.now() - start;
    expect(lookup(tree, '/usr/share')?.node).toHaveProperty('entries.size', 500);
    expect(elapsed).toBeLessThan(10_000);
  });
});
