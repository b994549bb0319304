import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { errorCodeOf } from '../../../src/error.ts';
import { flatten, flattenEach } from '../../../src/tree/flatten.ts';
import { historyOf } from '../../../src/tree/history.ts';
import { lookup } from '../../../src/tree/lookup.ts';
import type { Node, Tree } from '../../../src/tree/tree.ts';
import { walkTree } from '../../../src/tree/walk.ts';
import { defaultLimits, type LayerIndex } from '../../../store/index.ts';
import { directory, file, whiteout } from '../../support/layers.ts';
import { listTree } from '../../support/list-tree.ts';
import { layers } from './layer-index.ts';
import { placed } from './placed-layers.ts';
import { randomLayers } from './random-layers.ts';

const runs = { numRuns: 1500, seed: 20_250_601 };

/** The trees of all layers up to each, or undefined when a layer is corrupt. */
function prefixes(given: readonly LayerIndex[]): readonly Tree[] | undefined {
  try {
    return given.map((_, at) => flatten(given.slice(0, at + 1)));
  } catch (error) {
    if (errorCodeOf(error) === undefined) throw error;
    return undefined;
  }
}

describe('flattenEach', () => {
  test('gives what flatten gives of the layers up to each, for any layers', () => {
    let compared = 0;
    fc.assert(
      fc.property(randomLayers(), (given) => {
        const expected = prefixes(given);
        if (!expected) return;
        compared += 1;
        expect([...flattenEach(given)].map(listTree)).toEqual(expected.map(listTree));
      }),
      runs,
    );
    expect(compared).toBeGreaterThan(500);
  });

  test('keeps the folders that a layer does not touch', () => {
    const [first, second] = [
      ...flattenEach(
        layers([file('a/x', ''), file('b/c/x', '')], [file('a/y', ''), whiteout('b/none')]),
      ),
    ];
    const of = (tree: Tree | undefined, path: string) => tree && lookup(tree, path)?.node;
    expect(of(second, '/b/c')).toBe(of(first, '/b/c'));
    expect(of(second, '/a')).not.toBe(of(first, '/a'));
    expect(of(second, '/a/x')).toBe(of(first, '/a/x'));
  });
});

describe('historyOf', () => {
  test('counts as naive sets of paths do, for any layers', () => {
    fc.assert(
      fc.property(randomLayers(), (given) => {
        const trees = prefixes(given);
        if (!trees) return;
        const lines = [flatten([]), ...trees].map(properties);
        const expected = trees.map((_, at) => {
          const [before = new Map(), after = new Map()] = lines.slice(at, at + 2);
          const both = [...after.keys()].filter((path) => before.has(path));
          return {
            added: after.size - both.length,
            changed: both.filter((path) => before.get(path) !== after.get(path)).length,
            removed: before.size - both.length,
          };
        });
        const counts = historyOf(given).layers.map(({ added, changed, removed }) => {
          return { added, changed, removed };
        });
        expect(counts).toEqual(expected);
      }),
      runs,
    );
  });

  test('has every content either in the final tree or among the wasted, for any layers', () => {
    fc.assert(
      fc.property(randomLayers(), (given) => {
        if (!prefixes(given)) return;
        const { layers: effects, waste, tree } = historyOf(given);
        // Sizes occur once, so that they tell which file it is.
        const seen = new Set(
          [...walkTree(flatten(given))].flatMap(({ node }) => sizeOf(node) ?? []),
        );
        const all = given.flatMap(({ entries }) =>
          entries.flatMap((entry) => (entry.kind === 'file' ? entry.size : [])),
        );
        const wasted = waste.flatMap(({ copies }) => copies.map(({ bytes }) => bytes));
        expect([...seen, ...wasted].sort()).toEqual(all.sort());
        expect(effects.map((layer) => layer.wasted)).toEqual(
          given.map((_, at) =>
            sum(waste.flatMap(({ copies }) => copies).filter(({ layer }) => layer === at + 1)),
          ),
        );
        expect(sum(waste)).toBe(sum(wasted.map((bytes) => ({ bytes }))));
        expect(listTree(tree)).toBe(listTree(flatten(given)));
      }),
      runs,
    );
  });

  test('names as the last layer to bring a path the one whose node flatten has, for any layers', () => {
    let compared = 0;
    fc.assert(
      fc.property(randomLayers(), (given) => {
        const trees = prefixes(given);
        const final = trees?.at(-1);
        if (!trees || !final) return;
        const paths = [...walkTree(final)].map(({ path }) => path);
        for (const { path, events, seen } of historyOf(given, paths).paths) {
          const node = lookup(final, path, { follow: false })?.node;
          if (!node || node.kind === 'directory') continue;
          compared += 1;
          // Where it stands for good: before that another node was there, or none.
          const last = trees.findLastIndex((tree, at) => {
            const before = trees[at - 1];
            const old = before && lookup(before, path, { follow: false })?.node;
            return !isSame(lookup(tree, path, { follow: false })?.node, old);
          });
          const shown = events.filter(({ event }) => event !== 'again').at(-1);
          expect(shown?.layer).toBe(last + 1);
          if (node.kind !== 'file' || node.content.kind !== 'layer') continue;
          const { layer } = node.content;
          expect(seen?.bytesOf).toBe(given.findIndex(({ diffID }) => diffID === layer) + 1);
          expect(events.at(-1)?.bytesOf).toBe(seen?.bytesOf);
        }
      }),
      runs,
    );
    expect(compared).toBeGreaterThan(500);
  });

  test('follows any path, also through links, to what flatten has there at the end', () => {
    const path = fc
      .array(fc.constantFrom('a', 'b', 'c', '..'), { minLength: 1, maxLength: 4 })
      .map((names) => names.join('/'));
    fc.assert(
      fc.property(randomLayers(), path, (given, path) => {
        const trees = prefixes(given);
        if (!trees) return;
        const [followed] = historyOf(given, [path]).paths;
        const tree = trees.at(-1);
        const final = tree && lookup(tree, path, { follow: false });
        expect(followed?.seen?.path).toBe(final?.path);
        expect(followed?.seen && properties({ root: directoryOf(followed.seen.node) })).toEqual(
          final && properties({ root: directoryOf(final.node) }),
        );
        const isThere = (tree: Tree) => lookup(tree, path, { follow: false }) !== undefined;
        const states = [isThere({ root: directoryOf() }), ...trees.map(isThere)];
        for (const [at, now] of states.entries()) {
          if (at === 0) continue;
          const event = followed?.events.find(({ layer }) => layer === at)?.event;
          if (now && !states[at - 1]) expect(['added', 'leads']).toContain(event);
          else if (!now && states[at - 1]) expect(['removed', 'hidden']).toContain(event);
          else expect([undefined, ...(now ? middle : [])]).toContain(event);
        }
      }),
      runs,
    );
  });

  test('is linear when 127 layers each touch a little of 50,000 files', () => {
    const base = Array.from({ length: 50_000 }, (_, i) =>
      file(`usr/share/dir${i % 500}/f${i}`, ''),
    );
    const above = Array.from({ length: 126 }, (_, at) => [
      file(`usr/share/dir${at}/new`, 'x'),
      whiteout(`usr/share/dir${at}/f${at}`),
    ]);
    const given = placed(base, ...above);
    const start = performance.now();
    const { layers: effects } = historyOf(given, ['/usr/share/dir3/f3']);
    const elapsed = performance.now() - start;
    expect(effects.at(-1)).toMatchObject({ added: 1, changed: 0, removed: 1 });
    expect(elapsed).toBeLessThan(10_000);
  });

  test('goes through folders as deep as flatten allows', () => {
    const deep = directory('d/'.repeat(2048).slice(0, -1));
    const { layers: effects } = historyOf(placed([deep], [whiteout('d')]), ['/d/d']);
    expect(effects).toMatchObject([{ added: 2048 }, { removed: 2048 }]);
    expect(defaultLimits.nameLength).toBe(4096);
  });
});

const middle = ['changed', 'again', 'leads', 'below'];

function sum(items: readonly { readonly bytes: number }[]): number {
  return items.reduce((total, { bytes }) => total + bytes, 0);
}

function sizeOf(node: Node): number | undefined {
  return node.kind === 'file' ? node.content.size : undefined;
}

function directoryOf(node?: Node): Tree['root'] {
  const entries = new Map(node ? [['x', node]] : []);
  return { kind: 'directory', mode: 0o755, uid: 0, gid: 0, mtime: 0, entries };
}

/** All that the random layers set of each path, as text. */
function properties(tree: Tree): Map<string, string> {
  return new Map(
    [...walkTree(tree)].map(({ path, node }) => {
      const mode = node.kind === 'symlink' ? '' : node.mode;
      const target = node.kind === 'symlink' ? node.target : '';
      return [path, [node.kind, mode, sizeOf(node), target].join(' ')];
    }),
  );
}

function isSame(a: Node | undefined, b: Node | undefined): boolean {
  if (!a || !b) return a === b;
  const [one, other] = [a, b].map((node) => properties({ root: directoryOf(node) }).get('/x'));
  return one === other;
}
