import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { errorCodeOf } from '../../../src/error.ts';
import { type Aspect, aspects, createComparison, type Difference } from '../../../src/tree/diff.ts';
import { flatten } from '../../../src/tree/flatten.ts';
import { directory as directoryNode, fileOfBytes } from '../../../src/tree/nodes.ts';
import { walkPairs } from '../../../src/tree/pairs.ts';
import type { FileNode, Node, Tree } from '../../../src/tree/tree.ts';
import { walkTree } from '../../../src/tree/walk.ts';
import type { LayerIndex } from '../../../store/index.ts';
import {
  directory,
  file,
  hardlink,
  type LayerItem,
  special,
  symlink,
} from '../../support/layers.ts';
import { layers } from './layer-index.ts';
import { randomLayers } from './random-layers.ts';

function compare(before: Tree, after: Tree, wanted: readonly Aspect[] = aspects): Difference[] {
  const comparison = createComparison(wanted);
  const pairs = walkPairs({ path: '/', before: before.root, after: after.root });
  return [...pairs].flatMap((pair) => comparison(pair) ?? []);
}

/** Each difference in short: letter, path, and what differs. */
function short(differences: readonly Difference[]): readonly string[] {
  return differences.map((difference) => {
    const { change, path } = difference;
    if (change !== 'changed') return `${change === 'added' ? 'A' : 'D'} ${path}`;
    return ['C', path, ...difference.aspects].join(' ');
  });
}

const tree = (...items: readonly LayerItem[]): Tree => flatten(layers(items));

function diff(
  before: readonly LayerItem[],
  after: readonly LayerItem[],
  wanted?: readonly Aspect[],
): readonly string[] {
  return short(compare(tree(...before), tree(...after), wanted));
}

describe('createComparison', () => {
  test('finds nothing when both trees are equal', () => {
    const items = [directory('d'), file('d/a', '1'), symlink('l', 'd'), special('p', 'fifo')];
    expect(diff(items, items)).toEqual([]);
  });

  test.each<[Aspect, LayerItem, LayerItem]>([
    ['kind', file('a', ''), directory('a')],
    ['kind', special('a', 'block'), special('a', 'character')],
    ['content', file('a', '12'), file('a', '13')],
    ['target', symlink('a', 'b'), symlink('a', 'c')],
    ['device', special('a', 'block', 1, 2), special('a', 'block', 1, 3)],
    ['device', special('a', 'block', 1, 2), special('a', 'block', 2, 2)],
    ['mode', directory('a'), directory('a', { mode: 0o1755 })],
    ['owner', file('a', ''), file('a', '', { uid: 1 })],
    ['owner', symlink('a', 'b'), symlink('a', 'b', { gid: 1 })],
    ['mtime', file('a', ''), file('a', '', { mtime: 0.5 })],
    ['xattrs', file('a', ''), file('a', '', { xattrs: { 'user.a': '' } })],
    [
      'xattrs',
      file('a', '', { xattrs: { 'user.a': 'AA==' } }),
      file('a', '', { xattrs: { 'user.a': 'AQ==' } }),
    ],
  ])(
    'tells %s alone when nothing else differs, and nothing when it is not wanted',
    (aspect, a, b) => {
      const others = aspects.filter((one) => one !== aspect);
      for (const [before, after] of [
        [a, b],
        [b, a],
      ] as const) {
        expect(diff([before], [after])).toEqual([`C /a ${aspect}`]);
        expect(diff([before], [after], others)).toEqual(aspect === 'kind' ? ['C /a kind'] : []);
      }
    },
  );

  test('tells size and content when the size differs, each only when wanted', () => {
    const [before, after] = [[file('a', '1')], [file('a', '22')]];
    expect(diff(before, after)).toEqual(['C /a size content']);
    expect(diff(before, after, ['content'])).toEqual(['C /a content']);
    expect(diff(before, after, ['size'])).toEqual(['C /a size']);
  });

  test('tells nothing of the permissions of links and the numbers of pipes', () => {
    expect(diff([symlink('a', 'b')], [symlink('a', 'b', { mode: 0o644 })])).toEqual([]);
    expect(diff([special('a', 'fifo', 1, 2)], [special('a', 'fifo')])).toEqual([]);
  });

  test('is not misled by names that objects have when they are those of extended attributes', () => {
    const named = (name: string) => [file('a', '', { xattrs: { [name]: 'AA==' } })];
    for (const name of ['constructor', 'toString', '__proto__']) {
      expect(diff(named('user.a'), named(name))).toEqual(['C /a xattrs']);
      expect(diff(named(name), named(name))).toEqual([]);
    }
  });

  test('lists a folder before what it holds, names in the order of their bytes', () => {
    const after = [file('a/x', ''), file('a.b', ''), file('\u{1f600}', ''), file('\uffee', '')];
    expect(diff([], after)).toEqual(['A /a', 'A /a/x', 'A /a.b', 'A /\uffee', 'A /\u{1f600}']);
    expect(diff(after, [file('a', '')])).toEqual([
      'C /a kind',
      'D /a/x',
      'D /a.b',
      'D /\uffee',
      'D /\u{1f600}',
    ]);
  });

  test('goes through folders of any depth', () => {
    const deep = [directory('d/'.repeat(2048).slice(0, -1))];
    expect(diff([], deep)).toHaveLength(2048);
    expect(diff(deep, deep)).toEqual([]);
  });
});

describe('createComparison, contents', () => {
  /** A file of a finished file system, whose digest must be made. */
  function unread(bytes: string): { readonly node: FileNode; readonly made: () => number } {
    let made = 0;
    const { content, ...attributes } = fileOfBytes(Buffer.from(bytes));
    const access = { size: content.size, read: () => Buffer.from(bytes) };
    const lazy = {
      ...({ kind: 'access', access, offset: 0, size: content.size } as const),
      get digest() {
        made += 1;
        return content.digest;
      },
    };
    return { node: { ...attributes, content: lazy }, made: () => made };
  }

  const inRoot = (node: Node): Tree => ({ root: directoryNode(new Map([['a', node]])) });

  test.each([
    ['equal', 'abc', 'abc', [], 1],
    ['other bytes', 'abc', 'abd', ['C /a content'], 1],
    ['another size', 'abc', 'ab', ['C /a size content'], 0],
    ['both empty', '', '', [], 0],
  ])('are read only where nothing else tells: %s', (_, old, now, expected, digests) => {
    const { node, made } = unread(now);
    expect(short(compare(inRoot(fileOfBytes(Buffer.from(old))), inRoot(node)))).toEqual(expected);
    expect(made()).toBe(digests);
  });

  test('are not read when they are not compared, or are the same', () => {
    const { node, made } = unread('abc');
    const other = fileOfBytes(Buffer.from('abd'));
    expect(compare(inRoot(other), inRoot(node), ['size'])).toEqual([]);
    expect(compare(inRoot(node), inRoot({ ...node }))).toEqual([]);
    expect(made()).toBe(0);
  });
});

describe('createComparison, hard links', () => {
  const [a, b, c] = [file('a', '1'), file('b', '1'), file('c', '1')];

  test('are one difference for each path that joins or leaves a file', () => {
    expect(diff([a, b], [a, hardlink('b', 'a')])).toEqual(['C /b links']);
    expect(diff([a, hardlink('b', 'a')], [a, b])).toEqual(['C /b links']);
    expect(diff([a, hardlink('b', 'a')], [a, hardlink('b', 'a')])).toEqual([]);
    expect(diff([a, hardlink('b', 'a'), c], [a, b, hardlink('c', 'b')])).toEqual([
      'C /b links',
      'C /c links',
    ]);
  });

  test('are none when a name only comes or goes', () => {
    expect(diff([a, hardlink('b', 'a')], [b])).toEqual(['D /a']);
    expect(diff([b], [a, hardlink('b', 'a')])).toEqual(['A /a']);
    expect(diff([a, hardlink('b', 'a')], [directory('a'), b])).toEqual(['C /a kind']);
  });

  test('name the first path of the same file on either side', () => {
    const [found] = compare(tree(a, hardlink('b', 'a')), tree(a, b));
    expect(found).toMatchObject({ path: '/b', links: { before: '/a' } });
    expect(found?.change === 'changed' && found.links).not.toHaveProperty('after');
    expect(diff([a, hardlink('b', 'a')], [a, b], ['content'])).toEqual([]);
  });
});

test('createComparison finds what naive maps of paths find, for any trees', () => {
  let compared = 0;
  fc.assert(
    fc.property(randomLayers(), randomLayers(), (one, other) => {
      const [before, after] = [one, other].map(treeOf);
      if (!before || !after) return;
      compared += 1;
      expect(short(compare(before, after)).slice().sort()).toEqual(naively(before, after));
      expect(compare(before, before)).toEqual([]);
      const back = short(compare(after, before)).map((line) =>
        line.replace(/^[AD]/, (letter) => (letter === 'A' ? 'D' : 'A')),
      );
      expect(back).toEqual(short(compare(before, after)));
    }),
    { numRuns: 2000, seed: 20_250_701 },
  );
  expect(compared).toBeGreaterThan(500);
});

function treeOf(given: readonly LayerIndex[]): Tree | undefined {
  try {
    return flatten(given);
  } catch (error) {
    if (errorCodeOf(error) === undefined) throw error;
    return undefined;
  }
}

/** Differences of trees of random layers, which differ in kind, size, mode, target and links. */
function naively(before: Tree, after: Tree): readonly string[] {
  const [old, now] = [before, after].map(
    (tree) => new Map([...walkTree(tree)].map(({ path, node }) => [path, node])),
  );
  if (!old || !now) return [];
  const kind = (node: Node | undefined) => (node?.kind === 'special' ? node.type : node?.kind);
  const common = [...old.keys()].filter(
    (path) => kind(old.get(path)) === kind(now.get(path)) && kind(old.get(path)) !== 'directory',
  );
  const firstOf = (nodes: ReadonlyMap<string, Node>, path: string) =>
    common.find((other) => nodes.get(other) === nodes.get(path));
  const lines = [...new Set([...old.keys(), ...now.keys()])].flatMap((path) => {
    const [a, b] = [old.get(path), now.get(path)];
    if (!a) return `A ${path}`;
    if (!b) return `D ${path}`;
    if (kind(a) !== kind(b)) return `C ${path} kind`;
    const found = [
      a.kind === 'file' && b.kind === 'file' && a.content.size !== b.content.size && 'size content',
      a.kind === 'symlink' && b.kind === 'symlink' && a.target !== b.target && 'target',
      a.kind !== 'symlink' && a.mode !== b.mode && 'mode',
      common.includes(path) && firstOf(old, path) !== firstOf(now, path) && 'links',
    ].filter((word) => word !== false);
    return found.length > 0 ? ['C', path, ...found].join(' ') : [];
  });
  return lines.sort();
}
