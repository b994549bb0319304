import { describe, expect, test } from 'vitest';
import { historyOf } from '../../../src/tree/history.ts';
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
import { layers } from './layer-index.ts';
import { events, placed } from './placed-layers.ts';

/** The events of a path in short: layer, event, and what differs. */
function told(path: string, ...items: readonly (readonly LayerItem[])[]): readonly string[] {
  const [history] = historyOf(placed(...items), [path]).paths;
  return (history?.events ?? []).map(({ layer, event, aspects }) =>
    [layer, event, ...aspects].join(' '),
  );
}

describe('historyOf, of layers', () => {
  test('counts the bytes that a layer above replaces or removes, with the layer that did so', () => {
    const { layers: effects, waste } = historyOf(
      placed(
        [file('etc/a', '12345'), file('etc/b', '123'), file('etc/kept', '1')],
        [file('etc/a', '1234567')],
        [whiteout('etc/b')],
        [whiteout('etc'), file('etc/kept', '12')],
      ),
    );
    expect(effects.map(({ wasted }) => wasted)).toEqual([9, 7, 0, 0]);
    expect(waste).toEqual([
      {
        path: '/etc/a',
        bytes: 12,
        copies: [
          { layer: 1, bytes: 5, endedBy: 2, how: 'replaced' },
          { layer: 2, bytes: 7, endedBy: 4, how: 'removed' },
        ],
      },
      {
        path: '/etc/b',
        bytes: 3,
        copies: [{ layer: 1, bytes: 3, endedBy: 3, how: 'removed' }],
      },
      {
        path: '/etc/kept',
        bytes: 1,
        copies: [{ layer: 1, bytes: 1, endedBy: 4, how: 'replaced' }],
      },
    ]);
  });

  test('counts a duplicate in one layer as wasted by that layer', () => {
    const { waste } = historyOf(placed([file('a', '123'), file('a', '12')]));
    expect(waste).toMatchObject([
      { path: '/a', bytes: 3, copies: [{ layer: 1, endedBy: 1, how: 'replaced' }] },
    ]);
  });

  test('wastes nothing of a file as long as one of its names is left', () => {
    const lower = [file('a', '123'), hardlink('b', 'a')];
    expect(historyOf(placed(lower, [whiteout('a')])).waste).toEqual([]);
    expect(
      historyOf(placed([file('a', '123')], [hardlink('c', 'a'), whiteout('a')])).waste,
    ).toEqual([]);
    expect(historyOf(placed(lower, [whiteout('a')], [file('b', '')])).waste).toMatchObject([
      { path: '/b', bytes: 3, copies: [{ layer: 1, endedBy: 3, how: 'replaced' }] },
    ]);
  });

  test('wastes nothing of a layer that stands twice and whose files are seen', () => {
    const [twice, between] = placed([file('a', '123')], [whiteout('a')]);
    if (!twice || !between) throw new Error('no layers');
    const { waste, paths } = historyOf([twice, between, twice], ['/a']);
    expect(waste).toEqual([]);
    expect(paths[0]?.seen?.bytesOf).toBe(3);
  });

  test('counts what a tar stores of a sparse file, not its holes', () => {
    const [layer] = layers([file('a', '')]);
    if (!layer) throw new Error('no layer');
    const sparse = layer.entries.map((entry) =>
      entry.kind === 'file'
        ? { ...entry, size: 2 ** 30, extents: [{ position: 5, offset: 512, length: 7 }] }
        : entry,
    );
    const { layers: effects } = historyOf([{ ...layer, entries: sparse }]);
    expect(effects).toMatchObject([{ files: 1, bytes: 7, wasted: 0 }]);
  });

  test('counts nothing when a layer brings what is there', () => {
    const same = [directory('d', { mode: 0o700 }), file('d/a', '1'), symlink('l', 'd')];
    expect(historyOf(placed(same, same)).layers[1]).toMatchObject({
      ...{ added: 0, changed: 0, removed: 0, wasted: 0 },
    });
  });
});

describe('historyOf, of paths', () => {
  test.each<[string, readonly LayerItem[], string]>([
    ['its content', [file('a/x', '22')], '2 changed size content'],
    ['its mode', [file('a/x', '1', { mode: 0o600 })], '2 changed mode'],
    ['its owner', [file('a/x', '1', { uid: 7 })], '2 changed owner'],
    ['its time', [file('a/x', '1', { mtime: 7 })], '2 changed mtime'],
    ['its attributes', [file('a/x', '1', { xattrs: { 'user.a': 'AA==' } })], '2 changed xattrs'],
    ['its kind', [directory('a/x')], '2 changed kind'],
    ['nothing', [file('a/x', '1')], '2 again'],
    ['it away', [whiteout('a/x')], '2 removed'],
    ['all in its folder away', [opaque('a')], '2 removed'],
    ['its folder away', [whiteout('a')], '2 removed'],
    ['a file in place of its folder', [file('a', '')], '2 removed'],
  ])('tells of a layer that brings %s', (_, layer, expected) => {
    expect(told('/a/x', [file('a/x', '1')], layer, [file('b', '')])).toEqual(['1 added', expected]);
  });

  test('names the folder that went with all in it', () => {
    const lower = [file('a/b/c/x', '1')];
    expect(events('/a/b/c/x', lower, [whiteout('a/b')])[1]).toMatchObject({ with: '/a/b' });
    expect(events('/a/b/c/x', lower, [file('a/b', '')])[1]).toMatchObject({ with: '/a/b' });
    expect(events('/a/b/c/x', lower, [whiteout('a/b/c/x')])[1]).not.toHaveProperty('with');
  });

  test('tells of a link among the parents that leads elsewhere now', () => {
    const lower = [file('old/x', '1'), file('new/x', '22'), symlink('l', 'old')];
    expect(events('/l/x', lower, [symlink('l', 'new')])).toMatchObject([
      { layer: 1, event: 'added', path: '/old/x' },
      { layer: 2, event: 'leads', path: '/new/x', from: '/old/x', aspects: ['size', 'content'] },
    ]);
    expect(events('/l/x', lower, [symlink('l', 'nowhere')])[1]).toMatchObject({
      event: 'hidden',
      path: '/old/x',
    });
    expect(events('/l/x', [file('old/x', '1')], [symlink('l', 'old')])).toMatchObject([
      { layer: 2, event: 'leads', path: '/old/x', bytesOf: 1 },
    ]);
    expect(events('/l/x', lower, [directory('l'), file('l/x', '1')])[1]).toMatchObject({
      ...{ event: 'changed', path: '/l/x', from: '/old/x', aspects: [] },
    });
  });

  test('tells of writes through a link of a lower layer, and of those to the link itself', () => {
    const lower = [file('usr/lib/x', '1'), symlink('lib', 'usr/lib')];
    expect(told('/usr/lib/x', lower, [file('lib/x', '22')])).toEqual([
      '1 added',
      '2 changed size content',
    ]);
    expect(told('lib', lower, [symlink('lib', '/usr/lib')])).toEqual([
      '1 added',
      '2 changed target',
    ]);
  });

  test('tells whose bytes a hard link has', () => {
    const [, linked] = events('/b', [file('a', '1')], [], [hardlink('b', 'a')]);
    expect(linked).toBeUndefined();
    const [brought] = events('/b', [file('a', '1')], [], [hardlink('b', 'a')]);
    expect(brought).toMatchObject({ layer: 3, event: 'added', bytesOf: 1 });
  });

  test('counts what changed below a folder', () => {
    const lower = [file('a/x', '1'), file('a/y', '1'), special('p', 'fifo')];
    const [added, below, gone] = events(
      '/a',
      lower,
      [file('a/x', '22'), file('a/z', ''), whiteout('a/y')],
      [whiteout('a')],
    );
    expect(added).toMatchObject({ event: 'added', below: { added: 2, changed: 0, removed: 0 } });
    expect(below).toMatchObject({ event: 'below', below: { added: 1, changed: 1, removed: 1 } });
    expect(gone).toMatchObject({ event: 'removed', below: { added: 0, changed: 0, removed: 2 } });
    expect(told('/', lower, [file('a/x', '1')])).toEqual(['1 below']);
  });

  test('has no events and sees nothing when no layer ever had the path', () => {
    const [history] = historyOf(placed([file('a', '')]), ['/b']).paths;
    expect(history).toEqual({ path: '/b', events: [] });
  });
});
