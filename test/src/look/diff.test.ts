import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConvertEvent } from '../../../src/event.ts';
import { type DiffOptions, diff } from '../../../src/look/diff.ts';
import { foldFolders, totalsOf } from '../../../src/look/diff-totals.ts';
import { planRofs } from '../../../src/rofs/plan.ts';
import { aspects, createComparison, type Difference } from '../../../src/tree/diff.ts';
import { editTree } from '../../../src/tree/edit.ts';
import { flatten } from '../../../src/tree/flatten.ts';
import { fileOfBytes } from '../../../src/tree/nodes.ts';
import { walkPairs } from '../../../src/tree/pairs.ts';
import type { Tree } from '../../../src/tree/tree.ts';
import { openMemoryStore, type Store } from '../../../store/index.ts';
import { buildImage } from '../../support/image.ts';
import {
  directory,
  file,
  hardlink,
  type LayerItem,
  opaque,
  symlink,
  whiteout,
} from '../../support/layers.ts';
import { writeLayout } from '../../support/layout.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { imageOf } from '../rofs/image.ts';
import { layers } from '../tree/layer-index.ts';

const treeOf = (...items: readonly LayerItem[]): Tree => flatten(layers(items));

function differencesOf(before: Tree, after: Tree): readonly Difference[] {
  const comparison = createComparison(aspects);
  const pairs = walkPairs({ path: '/', before: before.root, after: after.root });
  return [...pairs].flatMap((pair) => comparison(pair) ?? []);
}

describe('foldFolders', () => {
  const folded = (before: Tree, after: Tree) =>
    [...foldFolders(differencesOf(before, after))].map(({ difference, below }) => [
      `${difference.change} ${difference.path}`,
      below?.paths ?? 0,
      below?.bytes ?? 0,
    ]);

  it('lets a folder that comes or goes stand for all in it', () => {
    const lower = treeOf(file('a/b/x', '123'), file('a/c', '12'), file('a.d', '1'), file('k', ''));
    const upper = treeOf(file('k', '1'), file('z/y', '1234'));
    expect(folded(lower, upper)).toEqual([
      ['removed /a', 3, 5],
      ['removed /a.d', 0, 0],
      ['changed /k', 0, 0],
      ['added /z', 1, 4],
    ]);
  });

  it('lets a folder that gave way stand for what was in it, and the other way round', () => {
    const lower = treeOf(file('a/x', '123'));
    const upper = treeOf(symlink('a', 'b'));
    expect(folded(lower, upper)).toEqual([['changed /a', 1, 3]]);
    expect(folded(upper, lower)).toEqual([['changed /a', 1, 3]]);
  });

  it('lists what differs below a folder that both have', () => {
    const lower = treeOf(directory('a'), file('a/x', '1'));
    const upper = treeOf(directory('a', { mode: 0o700 }), file('a/y', '1'));
    expect(folded(lower, upper).map(([line]) => line)).toEqual([
      'changed /a',
      'removed /a/x',
      'added /a/y',
    ]);
  });
});

describe('totalsOf', () => {
  it('counts paths and bytes, a file with several names once', () => {
    const lower = treeOf(file('gone', '12345'), file('grown', '1'), directory('mode'));
    const upper = treeOf(
      file('new', '123'),
      hardlink('new2', 'new'),
      file('grown', '1234'),
      directory('mode', { mode: 0o700, uid: 3 }),
    );
    expect(totalsOf(differencesOf(lower, upper))).toEqual({
      added: { paths: 2, bytes: 3 },
      removed: { paths: 1, bytes: 5 },
      changed: { paths: 2, from: 1, to: 4 },
      aspects: { size: 1, content: 1, mode: 1, owner: 1 },
    });
  });
});

const base = [
  directory('etc', { mode: 0o700 }),
  file('etc/hosts', 'localhost'),
  file('usr/lib/a', '1', { uid: 5 }),
  hardlink('usr/lib/b', 'usr/lib/a'),
  symlink('lib', 'usr/lib'),
  symlink('dangling', 'nowhere'),
];
const top = [opaque('etc'), file('etc/passwd', 'root'), whiteout('usr/lib/b'), file('lib/c', '')];
const lower = buildImage({ layers: [base] });
const upper = buildImage({ layers: [base, top] });

const folder = temporaryFolder('diff');
let store: Store;
let before = '';
let after = '';
let disk = '';

const subjectIn = (name: string): string => `oci:${join(folder, name)}:it`;

beforeAll(async () => {
  store = await openMemoryStore();
  await writeLayout(join(folder, 'lower'), 'it', lower);
  await writeLayout(join(folder, 'upper'), 'it', upper);
  before = subjectIn('lower');
  after = subjectIn('upper');
  disk = join(folder, 'app.rofs');
  const hosts = fileOfBytes(Buffer.from('localhost'));
  const { root } = editTree(treeOf(directory('etc')), [
    { op: 'set', path: '/etc/hosts', node: hosts },
    { op: 'set', path: '/etc/same', node: hosts },
  ]);
  await writeFile(disk, imageOf(planRofs({ root })));
});

afterAll(async () => {
  await store.close();
});

async function lines(a: string, b: string, options: DiffOptions = {}): Promise<readonly string[]> {
  const { differences } = await diff(store, a, b, options);
  return differences.map((difference) =>
    [
      difference.change,
      difference.path,
      ...(difference.change === 'changed' ? difference.aspects : []),
    ].join(' '),
  );
}

describe('diff', () => {
  it('compares images', async () => {
    expect(await lines(before, after)).toEqual([
      'removed /etc/hosts',
      'added /etc/passwd',
      'removed /usr/lib/b',
      'added /usr/lib/c',
    ]);
    expect(await diff(store, before, before, {})).toMatchObject({
      before: { name: 'localhost/lower:it', kind: 'image' },
      differences: [],
      path: '/',
      paths: 9,
      compared: aspects,
    });
  });

  it('compares layers, markers as overlayfs has them', async () => {
    const [first, second] = upper.layers.map(({ diffID }) => `layer:${diffID}`);
    expect(await lines(first ?? '', second ?? '', { path: '/usr' })).toEqual([
      'removed /usr/lib/a',
      'changed /usr/lib/b kind',
    ]);
    expect(await lines(first ?? '', second ?? '', { path: '/etc' })).toEqual([
      'changed /etc mode xattrs',
      'removed /etc/hosts',
      'added /etc/passwd',
    ]);
  });

  it('compares an image and a disk, in what both keep, and says so once', async () => {
    const warnings: ConvertEvent[] = [];
    const onEvent = (event: ConvertEvent) =>
      void (event.event === 'warning' && warnings.push(event));
    expect(await lines(before, disk, { path: 'etc', onEvent })).toEqual(['added /etc/same']);
    expect(warnings).toEqual([
      { event: 'warning', text: expect.stringContaining(`${disk}: no modes, owners, times`) },
    ]);
    const { compared } = await diff(store, disk, disk, { onEvent });
    expect(compared).toEqual(['kind', 'size', 'content', 'target', 'device', 'links']);
    expect(warnings).toHaveLength(2);
  });

  it('ignores what it is told to', async () => {
    const bare = buildImage({ layers: [[directory('etc'), file('etc/hosts', 'localhost!')]] });
    await writeLayout(join(folder, 'bare'), 'it', bare);
    const other = subjectIn('bare');
    const options = { path: '/etc' } as const;
    expect(await lines(before, other, options)).toEqual([
      'changed /etc mode',
      'changed /etc/hosts size content',
    ]);
    expect(await lines(before, other, { ...options, ignore: ['mode', 'size'] })).toEqual([
      'changed /etc/hosts content',
    ]);
    const ignore = aspects.filter((aspect) => aspect !== 'kind');
    expect(await lines(before, other, { ...options, ignore })).toEqual([]);
  });

  it('compares what a path leads to, on the side that has it too', async () => {
    expect(await lines(before, after, { path: '/lib' })).toEqual([
      'removed /usr/lib/b',
      'added /usr/lib/c',
    ]);
    expect(await lines(before, after, { path: 'etc/passwd' })).toEqual(['added /etc/passwd']);
    expect(await lines(before, after, { path: '/dangling' })).toEqual([]);
    expect(await lines(before, disk, { path: '/usr/lib' })).toEqual([
      'removed /usr/lib',
      'removed /usr/lib/a',
      'removed /usr/lib/b',
    ]);
  });

  it('calls both sides as they were asked for when a path leads to different places', async () => {
    const moved = buildImage({ layers: [[file('lib/a', '1', { uid: 5 }), file('lib/b', '1')]] });
    await writeLayout(join(folder, 'moved'), 'it', moved);
    const other = subjectIn('moved');
    expect(await lines(before, other, { path: 'lib/' })).toEqual(['changed /lib/b owner links']);
  });

  it('fails when neither side has the path, and when it is stopped', async () => {
    await expect(lines(before, after, { path: '/etc/none' })).rejects.toMatchObject({
      code: 'PATH_NOT_FOUND',
      message: expect.stringContaining('"none" in "/etc"'),
    });
    const signal = AbortSignal.abort(new Error('stopped'));
    await expect(lines(before, after, { signal })).rejects.toThrow('stopped');
  });
});
