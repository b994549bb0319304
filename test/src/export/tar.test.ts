import { Buffer } from 'node:buffer';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { treeTar } from '../../../src/export/tar.ts';
import { type Contents, openContents } from '../../../src/tree/contents.ts';
import { flatten } from '../../../src/tree/flatten.ts';
import { lookup } from '../../../src/tree/lookup.ts';
import { directory as newFolder } from '../../../src/tree/nodes.ts';
import type { Tree } from '../../../src/tree/tree.ts';
import { decodeName, digestOf, type Layer, parseDiffID } from '../../../store/index.ts';
import { buildImage } from '../../support/image.ts';
import {
  directory,
  file,
  hardlink,
  type LayerItem,
  layerTar,
  special,
  symlink,
  whiteout,
} from '../../support/layers.ts';
import { writeLayout } from '../../support/layout.ts';
import { listTree } from '../../support/list-tree.ts';
import { contentOf, readTar } from '../../support/read-tar.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { top } from '../../support/top.ts';

interface Opened {
  readonly tree: Tree;
  readonly contents: Contents;
}

/** The tree of layers that lie in memory, lowest first. */
function open(...tars: readonly Uint8Array[]): Opened {
  const layers = tars.map((tar): Layer => {
    const diffID = parseDiffID(digestOf(tar));
    return {
      diffID,
      index: { diffID, size: tar.length, entries: readTar(tar) },
      readInto(target, offset) {
        const bytes = tar.subarray(offset, offset + target.length);
        target.set(bytes);
        return bytes.length;
      },
      close() {},
    };
  });

  const byDiffID = new Map(layers.map((layer) => [layer.diffID, layer]));
  return { tree: flatten(layers.map(({ index }) => index)), contents: openContents(byDiffID) };
}

async function packed({ tree, contents }: Opened): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of treeTar(tree, { contents })) pieces.push(piece);
  return Buffer.concat(pieces);
}

function opened(...items: readonly LayerItem[]): Opened {
  return open(layerTar(items));
}

const mebibyte = 2 ** 20;
const attributes = { mode: 0o4750, uid: 3_000_000, gid: 7, mtime: 1.5 };
const notUtf8 = Buffer.from([0x66, 0xff, 0xfe]);
const long = `${`${'folder'.repeat(20)}/`.repeat(3)}file`;

/** Stored are three words; all else of its three megabytes are zeros. */
const sparse: LayerItem = {
  entry: {
    kind: 'file',
    path: 'sparse',
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 0,
    size: 3 * mebibyte,
    runs: [
      { position: 4097, length: 5 },
      { position: 4104, length: 6 },
      { position: 2 * mebibyte, length: 4 },
    ],
  },
  bytes: Buffer.from('firstsecondlast'),
};
const sparseBytes = Buffer.alloc(3 * mebibyte);
sparseBytes.write('first', 4097);
sparseBytes.write('second', 4104);
sparseBytes.write('last', 2 * mebibyte);

/** Whatever a tree can hold and any user can extract. */
const ordinary: readonly LayerItem[] = [
  directory('', { mode: 0o711, mtime: 9 }),
  file('z', 'last in order', attributes),
  hardlink('a', 'z'),
  symlink('m', '../outside/\udcff'),
  hardlink('n', 'm'),
  special('pipe', 'fifo'),
  file(decodeName(notUtf8), 'bytes', { mtime: -12.25 }),
  file(long, 'deep'),
  symlink('to', `/${'t/'.repeat(150)}`),
  directory('d', { mode: 0o1777, mtime: 2 }),
  file('d/empty', ''),
  file('large', Buffer.alloc(2 * mebibyte + 1, 'large')),
  sparse,
];

const odd: readonly LayerItem[] = [
  special('null', 'character', 1, 3),
  special('disk', 'block', 8, 2 ** 20 - 1),
  file('x', 'attributes', {
    xattrs: { 'user.binary': Buffer.from('\0=\n\xff', 'latin1').toString('base64') },
  }),
];

describe('treeTar', () => {
  test('is read back as the tree it was made of, bytes and hard links included', async () => {
    const before = opened(...ordinary, ...odd);
    const tar = await packed(before);
    const after = open(tar);
    expect(listTree(after.tree)).toBe(listTree(before.tree));
    expect((await packed(after)).equals(tar)).toBe(true);
    expect(lookup(after.tree, '/a')?.node).toBe(lookup(after.tree, '/z')?.node);
    for (const path of ['/', '/a', `/${decodeName(notUtf8)}`, '/d', '/x', '/disk']) {
      const { mode, uid, gid, mtime, xattrs } = lookup(before.tree, path)?.node ?? newFolder();
      expect(lookup(after.tree, path)?.node).toMatchObject({ mode, uid, gid, mtime });
      expect(lookup(after.tree, path)?.node.xattrs).toEqual(xattrs);
    }
  });

  test('is read back as the tree it was made of, whatever the hazard in its layer', async () => {
    const folder = join(top, 'fixtures', 'layers');
    let trees = 0;
    for (const name of readdirSync(folder).filter((found) => found.endsWith('.tar'))) {
      let before: Opened;
      try {
        before = open(readFileSync(join(folder, name)));
      } catch {
        continue;
      }
      const tar = await packed(before);
      const after = open(tar);
      expect(listTree(after.tree), name).toBe(listTree(before.tree));
      expect((await packed(after)).equals(tar), name).toBe(true);
      trees += 1;
    }
    expect(trees).toBeGreaterThan(100);
  });

  test('begins with the root and goes on in the order of bytes when the layer has another', async () => {
    const tar = await packed(opened(file('b', '1'), file('a/x', ''), hardlink('a.b', 'b')));
    expect(readTar(tar).map(({ kind, path }) => [kind, path])).toEqual([
      ['directory', ''],
      ['directory', 'a'],
      ['file', 'a/x'],
      ['file', 'a.b'],
      ['hardlink', 'b'],
    ]);
  });

  test('gives equal bytes when equal trees come of other layers', async () => {
    const one = opened(directory('d'), file('d/a', '1'), file('d/b', '22'));
    const two = open(
      layerTar([file('d/b', '22'), file('d/gone', '')]),
      layerTar([whiteout('d/gone'), file('d/a', '1'), directory('d')]),
    );
    expect((await packed(one)).equals(await packed(two))).toBe(true);
  });

  test('stores no more of a sparse file than was stored when most of it is zeros', async () => {
    const tar = await packed(opened(sparse));
    expect(tar.length).toBeLessThan(10_000);
    const entry = readTar(tar).find(({ path }) => path === 'sparse');
    if (entry?.kind !== 'file') throw new Error('wanted the sparse file');
    expect(contentOf(tar, entry).equals(sparseBytes)).toBe(true);
  });

  test('stores runs of whole blocks, without which GNU tar loses what follows, when a layer has others', async () => {
    const tar = await packed(opened(sparse));
    const entry = readTar(tar).find(({ path }) => path === 'sparse');
    expect(entry).toMatchObject({
      extents: [
        { position: 4096, length: 512 },
        { position: 2 * mebibyte, length: 512 },
      ],
    });
  });

  test('comes in pieces of 1 MiB when there are many small files', async () => {
    const files = Array.from({ length: 3000 }, (_, i) => file(`f${i}`, 'x'));
    const { tree, contents } = opened(...files);
    const sizes: number[] = [];
    for await (const piece of treeTar(tree, { contents })) sizes.push(piece.length);
    expect(sizes.slice(0, -1)).toEqual([mebibyte, mebibyte]);
  });

  test.each(['plain', 'sparse'])('fails when a %s file is not what it was', async (name) => {
    const tar = Buffer.from(layerTar([sparse, file('plain', 'first and last')]));
    const { tree, contents } = open(tar);
    const entry = readTar(tar).find(({ path }) => path === name);
    if (entry?.kind !== 'file') throw new Error(`wanted the file ${name}`);
    tar[entry.offset] = 0;
    await expect(packed({ tree, contents })).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });
});

describe('treeTar is read by', () => {
  const installed = (tool: string) => spawnSync(tool, ['--version']).status === 0;
  const folder = temporaryFolder('tree-tar');
  let tarFile = '';
  let tar: Uint8Array = Buffer.alloc(0);
  beforeAll(async () => {
    tarFile = join(folder, 'tree.tar');
    tar = await packed(opened(...ordinary));
    writeFileSync(tarFile, tar);
  });

  function expectOrdinary(root: string): void {
    const content = (name: string | Buffer) =>
      readFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name)]));
    expect(content('z').toString()).toBe('last in order');
    expect(statSync(join(root, 'a')).ino).toBe(statSync(join(root, 'z')).ino);
    expect(readlinkSync(join(root, 'm'), 'latin1')).toBe('../outside/\xff');
    expect(statSync(join(root, 'pipe')).isFIFO()).toBe(true);
    expect(content(notUtf8).toString()).toBe('bytes');
    expect(content(long).toString()).toBe('deep');
    expect(readlinkSync(join(root, 'to'))).toBe(`/${'t/'.repeat(150)}`);
    expect(content('large').equals(Buffer.alloc(2 * mebibyte + 1, 'large'))).toBe(true);
    expect(content('sparse').equals(sparseBytes)).toBe(true);
  }

  test('GNU tar, which lists and extracts it', () => {
    const listed = execFileSync('tar', ['--numeric-owner', '--full-time', '-tvf', tarFile], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    });
    const lines = listed.split('\n');
    expect(lines[0]).toMatch(/^drwx--x--x 0\/0 +0 1970-01-01 00:00:09 \.\/$/);
    expect(listed).toMatch(/^-rwsr-x--- 3000000\/7 +13 1970-01-01 00:00:01\.5 +a$/m);
    expect(listed).toMatch(/^hrwsr-x--- 3000000\/7 +0 1970-01-01 00:00:01\.5 +z link to a$/m);
    expect(listed).toMatch(/^-rw-r--r-- 0\/0 +3145728 1970-01-01 00:00:00 +sparse$/m);
    const root = mkdtempSync(join(folder, 'gnu-'));
    // It warns of times before 1970.
    execFileSync('tar', ['--no-same-owner', '-xf', tarFile, '-C', root], { stdio: 'ignore' });
    expectOrdinary(root);
    expect(statSync(join(root, 'd')).mtimeMs).toBe(2000);
    expect(lstatSync(Buffer.concat([Buffer.from(`${root}/`), notUtf8])).mtimeMs).toBe(-12_250);
    expect(statSync(join(root, 'sparse')).blocks * 512).toBeLessThan(mebibyte);
  });

  test.runIf(installed('python3'))('Python, which extracts it', () => {
    const root = mkdtempSync(join(folder, 'python-'));
    const script =
      'import sys, tarfile\nfor m in (t := tarfile.open(sys.argv[1])): m.uid = m.gid = -1; t.extract(m, sys.argv[2])';
    execFileSync('python3', ['-c', script, tarFile, root]);
    expectOrdinary(root);
  });

  test.runIf(installed('umoci'))('umoci, as a layer', async () => {
    const layout = join(folder, 'layout');
    await writeLayout(layout, 'tree', buildImage({ layers: [tar] }));
    const bundle = join(folder, 'bundle');
    execFileSync('umoci', ['unpack', '--rootless', '--image', `${layout}:tree`, bundle]);
    expectOrdinary(join(bundle, 'rootfs'));
  });
});
