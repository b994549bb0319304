import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { errorCodeOf } from '../../../src/error.ts';
import { flatten } from '../../../src/tree/flatten.ts';
import { lookup } from '../../../src/tree/lookup.ts';
import type { Tree } from '../../../src/tree/tree.ts';
import { walkTree } from '../../../src/tree/walk.ts';
import { digestOf, parseDiffID } from '../../../store/index.ts';
import {
  directory,
  file,
  hardlink,
  type LayerItem,
  opaque,
  special,
  symlink,
  whiteout,
} from '../../support/layers.ts';
import { listTree } from '../../support/list-tree.ts';
import { readTar } from '../../support/read-tar.ts';
import { archive, member } from '../../support/tar-builder.ts';
import { flattenNaively } from './flatten-oracle.ts';
import { layers } from './layer-index.ts';
import { randomLayers } from './random-layers.ts';

function listing(...items: readonly (readonly LayerItem[])[]): string[] {
  return listTree(flatten(layers(...items)))
    .trimEnd()
    .split('\n');
}

function failure(...items: readonly (readonly LayerItem[])[]): unknown {
  try {
    flatten(layers(...items));
  } catch (error) {
    return error;
  }
  return undefined;
}

/** `before` and `after` the rest of its layer. */
function atEitherPlace(marker: LayerItem, rest: readonly LayerItem[]): LayerItem[][] {
  return [
    [marker, ...rest],
    [...rest, marker],
  ];
}

const root = 'd 0755 0 /';

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

describe('flatten, hard links', () => {
  function sameNode(a: string, b: string, ...items: readonly (readonly LayerItem[])[]): boolean {
    const tree = flatten(layers(...items));
    const node = lookup(tree, a)?.node;
    return node?.kind === 'file' && node === lookup(tree, b)?.node;
  }

  test('share one node when the target is in the same or a lower layer', () => {
    expect(sameNode('/a', '/b', [file('a', '1'), hardlink('b', 'a')])).toBe(true);
    expect(sameNode('/a', '/b', [file('a', '1')], [hardlink('b', 'a')])).toBe(true);
    expect(sameNode('/a', '/c', [file('a', '1'), hardlink('b', 'a')], [hardlink('c', 'b')])).toBe(
      true,
    );
  });

  test('mean the file of their own layer when a lower one has the name too', () => {
    expect(listing([file('a', '1')], [file('a', '22'), hardlink('b', 'a')])).toEqual([
      root,
      '- 0644 2 /a',
      '- 0644 2 /b',
    ]);
  });

  test('keep the old bytes when the target is modified above (go-containerregistry#2002)', () => {
    const lower = [file('a', '1'), hardlink('b', 'a')];
    expect(listing(lower, [file('a', '22')])).toEqual([root, '- 0644 2 /a', '- 0644 1 /b']);
    expect(listing([file('a', '1')], [hardlink('b', 'a'), file('a', '22')])).toEqual([
      root,
      '- 0644 2 /a',
      '- 0644 1 /b',
    ]);
  });

  test('survive when the target is removed in the layer of the link or above', () => {
    expect(listing([file('a', '1')], [hardlink('b', 'a'), whiteout('a')])).toEqual([
      root,
      '- 0644 1 /b',
    ]);
    expect(listing([file('a', '1'), hardlink('b', 'a')], [whiteout('a')])).toEqual([
      root,
      '- 0644 1 /b',
    ]);
  });

  test('follow links in the parents of their target, not at its end', () => {
    expect(
      listing([file('usr/lib/a', '1'), symlink('lib', 'usr/lib')], [hardlink('b', 'lib/a')]),
    ).toContain('- 0644 1 /b');
    expect(listing([symlink('s', 'nowhere'), hardlink('b', 's')])).toContain(
      'l 0777 0 /b -> nowhere',
    );
  });

  test('leave the file as it is when they name themselves', () => {
    expect(listing([file('a', '1')], [hardlink('a', 'a')])).toEqual([root, '- 0644 1 /a']);
  });

  test.each([
    ['is nowhere', [hardlink('b', 'a')]],
    ['only comes later', [hardlink('b', 'a'), file('a', '1')]],
    ['is a directory', [directory('a'), hardlink('b', 'a')]],
    ['is the root', [hardlink('b', '')]],
    ['is hidden before the link', [whiteout('lower'), hardlink('b', 'lower')]],
  ])('are refused, with path and layer named, when the target %s', (_, layer) => {
    const error = failure([file('lower', '1')], layer);
    expect(errorCodeOf(error)).toBe('LAYER_CORRUPT');
    expect(String(error)).toContain('at "b"');
    expect(String(error)).toContain(layers([], layer)[1]?.diffID);
  });
});

describe('flatten, links in parents', () => {
  test('are followed inside the root, absolute or relative (go-containerregistry#2238)', () => {
    const lower = [
      directory('usr/lib'),
      symlink('lib', 'usr/lib'),
      symlink('usr/abs', '/usr/lib'),
      symlink('usr/up', '../../../../usr/lib'),
    ];
    const lines = listing(lower, [file('lib/a', ''), file('usr/abs/b', ''), file('usr/up/c', '')]);
    expect(lines.filter((line) => line.startsWith('-'))).toEqual([
      '- 0644 0 /usr/lib/a',
      '- 0644 0 /usr/lib/b',
      '- 0644 0 /usr/lib/c',
    ]);
  });

  test('have their folder made when they dangle', () => {
    expect(listing([symlink('run', '/var/run')], [file('run/pid', '')])).toEqual([
      root,
      'l 0777 0 /run -> /var/run',
      'd 0755 0 /var',
      'd 0755 0 /var/run',
      '- 0644 0 /var/run/pid',
    ]);
  });

  test('are followed for whiteouts too', () => {
    const lower = [file('usr/lib/x', ''), symlink('lib', 'usr/lib')];
    expect(listing(lower, [whiteout('lib/x')])).not.toContain('- 0644 0 /usr/lib/x');
  });

  test('are replaced when a layer brings a directory of their name', () => {
    const lower = [file('usr/lib/x', ''), symlink('lib', 'usr/lib')];
    expect(listing(lower, [directory('lib'), file('lib/y', '')])).toEqual([
      root,
      'd 0755 0 /lib',
      '- 0644 0 /lib/y',
      'd 0755 0 /usr',
      'd 0755 0 /usr/lib',
      '- 0644 0 /usr/lib/x',
    ]);
  });

  test('are refused when they loop', () => {
    const loop = [symlink('a', 'b'), symlink('b', 'a')];
    expect(errorCodeOf(failure(loop, [file('a/x', '')]))).toBe('LAYER_CORRUPT');
  });

  test('are refused when their target is longer than a path can be', () => {
    const long = [symlink('a', 'x/'.repeat(500_000))];
    expect(errorCodeOf(failure(long, [file('a/x', '')]))).toBe('LAYER_CORRUPT');
  });
});

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
