import { describe, expect, test } from 'vitest';
import { errorCodeOf } from '../../../src/error.ts';
import { flatten } from '../../../src/tree/flatten.ts';
import { lookup } from '../../../src/tree/lookup.ts';
import {
  directory,
  file,
  hardlink,
  type LayerItem,
  symlink,
  whiteout,
} from '../../support/layers.ts';
import { failure, listing, root } from './flattened.ts';
import { layers } from './layer-index.ts';

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
