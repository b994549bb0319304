import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withTimes } from '../../../src/export/attributes.ts';
import { fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import { withLayers } from '../../../src/tree/open-layers.ts';
import type { Content, FileNode, Node } from '../../../src/tree/tree.ts';
import { encodeName, openMemoryStore } from '../../../store/index.ts';
import { archive, gnuMap, header } from '../../support/tar-builder.ts';
import {
  device,
  failure,
  folder,
  modeOf,
  out,
  parent,
  remove,
  statOf,
  text,
  treeOf,
  write,
} from './written-folder.ts';

/** A file whose bytes do not come. */
const broken: FileNode = (() => {
  const content: Content = {
    kind: 'access',
    access: {
      size: 9,
      read: () => {
        throw new Error('no such bytes');
      },
    },
    ...{ offset: 0, size: 9, digest: fileOfBytes(Buffer.of()).content.digest },
  };
  return { ...text(''), content };
})();

describe('writeFolder', () => {
  it('writes folders, files and links with their modes and times', async () => {
    const tree = treeOf({
      etc: folder(
        { conf: text('a=1', { mode: 0o4640, mtime: 1e9 }), link: symlink('../../../etc/passwd') },
        { mode: 0o2750, mtime: 2e9 },
      ),
      half: text('', { mtime: 1.25 }),
      early: text('', { mtime: -1.5 }),
    });
    expect(await write(tree)).toEqual([]);
    expect(readdirSync(out).sort()).toEqual(['early', 'etc', 'half']);
    expect(readFileSync(join(out, 'etc/conf'), 'utf8')).toBe('a=1');
    expect(readlinkSync(join(out, 'etc/link'))).toBe('../../../etc/passwd');
    expect([modeOf(''), modeOf('etc'), modeOf('etc/conf')]).toEqual([0o755, 0o2750, 0o4640]);
    const times = ['', 'etc', 'etc/conf', 'etc/link', 'half', 'early'].map(
      (path) => Number(statOf(path).mtimeNs) / 1e9,
    );
    expect(times).toEqual([0, 2e9, 1e9, 0, 1.25, -1.5]);
    expect(readdirSync(parent)).toEqual(['out']);
  });

  it('gives names of one node one inode, be it a file, a link or a device', async () => {
    const shared = { file: text('x'), link: symlink('file'), null: device('character') };
    await write(treeOf({ ...shared, sub: folder({ deeper: folder(shared) }), other: text('x') }));
    for (const name of ['file', 'link', 'null']) {
      expect(statOf(`sub/deeper/${name}`).ino).toBe(statOf(name).ino);
      expect(statOf(name).nlink).toBe(2n);
    }
    expect(statOf('other').nlink).toBe(1n);
    expect(readdirSync(out).sort()).toEqual(['file', 'link', 'null', 'other', 'sub']);
  });

  it('makes hard links of a tree that has the name it keeps them under', async () => {
    const shared = text('x');
    const taken = Array.from({ length: 300 }, (_, number) => `.osv-convert-links-${number}`);
    const mine = Object.fromEntries(taken.map((name) => [name, text('mine')]));
    await write(treeOf({ ...mine, one: shared, two: shared }));
    expect(readdirSync(out).sort()).toEqual([...taken, 'one', 'two'].sort());
  });

  it('writes names as their bytes', async () => {
    const names = ['caf\udce9', '\udcff\udcfe', 'a\nb', 'c\\d', ' ', '-rf', '日本', '...'];
    await write(treeOf(Object.fromEntries(names.map((name) => [name, text(name)]))));
    const found = readdirSync(out, { encoding: 'buffer' }).map((name) => name.toString('hex'));
    const wanted = names.map((name) => Buffer.from(encodeName(name)).toString('hex'));
    expect(found.sort()).toEqual(wanted.sort());
  });

  it('puts empty files in the place of devices and pipes, and says how many', async () => {
    const warnings = await write(
      treeOf({ null: device('character'), disk: device('block'), pipe: device('fifo') }),
    );
    expect(warnings.join()).toContain('devices and pipes stand as empty files (3)');
    const { mode, size, mtimeNs } = statOf('disk');
    expect([mode, size, mtimeNs]).toEqual([0o100620n, 0n, 9_000_000_000n]);
  });

  it('keeps holes, and compares what is around them with its digest', async () => {
    const [start, end] = [Buffer.alloc(4096, 'a'), Buffer.alloc(512, 'b')];
    const size = 64 * 2 ** 20;
    const raw = {
      ...({ name: 'sparse', type: 'S', magic: 'gnu', size: start.length + end.length } as const),
      patches: [
        [
          386,
          gnuMap([
            [0, start.length],
            [size - end.length, end.length],
          ]),
        ],
        [483, Buffer.from(`${size.toString(8).padStart(11, '0')}\0`)],
      ] as const,
    };
    const tar = archive(header(raw), start, end);
    const store = await openMemoryStore();
    const { diffID } = await store.layers.write(
      (async function* () {
        yield tar;
      })(),
    );
    await withLayers(store, async (layers) => {
      await write(await layers.flatten([diffID]), { contents: layers.contents });
    });
    await store.close();
    const bytes = readFileSync(join(out, 'sparse'));
    expect(bytes.length).toBe(size);
    expect(bytes.subarray(0, 4096).equals(start) && bytes.subarray(-512).equals(end)).toBe(true);
    expect(bytes.subarray(4096, -512).every((byte) => byte === 0)).toBe(true);
    expect(Number(statOf('sparse').blocks) * 512).toBeLessThan(2 ** 20);
  });

  it('takes the place of an empty folder, also one that a link leads to', async () => {
    mkdirSync(join(parent, 'real'));
    symlinkSync('real', out);
    await write(treeOf({ file: text('x') }));
    expect(readlinkSync(out)).toBe('real');
    expect(readdirSync(join(parent, 'real'))).toEqual(['file']);
    expect(readdirSync(parent).sort()).toEqual(['out', 'real']);
  });

  it('gives two runs equal listings', async () => {
    const tree = withTimes(
      treeOf({ a: folder({ b: text('1', { mtime: 5 }) }, { mtime: 7 }), c: symlink('a') }),
      () => 1_700_000_000,
    );
    const listing = () =>
      readdirSync(out, { recursive: true })
        .map((path) => `${path} ${statOf(`${path}`).mode} ${statOf(`${path}`).mtimeNs}`)
        .concat(`${statOf('').mode} ${statOf('').mtimeNs}`);
    await write(tree);
    const first = listing();
    rmSync(out, { recursive: true });
    await write(tree);
    expect(listing()).toEqual(first);
    expect(first.every((line) => line.endsWith(' 1700000000000000000'))).toBe(true);
  });

  it('tells how far it is', async () => {
    const seen: { readonly written: number; readonly size: number }[] = [];
    const big = text('x'.repeat(3 << 20));
    await write(treeOf({ big, same: big }), { onProgress: (progress) => seen.push(progress) });
    expect(seen.at(0)?.written).toBeLessThan(3 << 20);
    expect(seen.at(-1)).toEqual({ written: 3 << 20, size: 3 << 20 });
  });
});

describe('writeFolder with a tree that nests 2048 deep', () => {
  let deep: Node = folder({ last: text('x') });
  let deepBroken: Node = folder({ last: broken });
  const name = 'n'.repeat(100);
  for (let depth = 0; depth < 2047; depth += 1) {
    deep = folder({ [name]: deep });
    deepBroken = folder({ [name]: deepBroken }, { mode: 0 });
  }

  it('writes it', async () => {
    await write(treeOf({ [name]: deep }));
    const { status, stdout } = spawnSync('find', [out, '-name', 'last', '-printf', '%d %s'], {
      encoding: 'utf8',
    });
    expect([status, stdout]).toEqual([0, '2049 1']);
    remove('out');
  });

  it('leaves nothing of it when it fails at the bottom', async () => {
    expect((await failure(treeOf({ [name]: deepBroken }))).message).toContain('no such bytes');
  });
});

describe('writeFolder leaves nothing behind', () => {
  const closed = folder({ f: text('x') }, { mode: 0 });

  it('when a name is too long for the file system, and says where', async () => {
    const long = 'n'.repeat(256);
    const { code, message } = await failure(
      treeOf({ closed, readonly: folder({ f: text('x') }, { mode: 0o555 }), [long]: text('x') }),
    );
    expect(code).toBe('OUTPUT_UNUSABLE');
    expect(message).toContain('a name of 256 bytes');
    expect(message).toContain(out);
  });

  it('when two names are one on the file system', async () => {
    const { code, message } = await failure(
      treeOf({ closed, a: folder({ '\ud800': text('x'), '\ud801': text('y') }) }),
    );
    expect(code).toBe('OUTPUT_UNUSABLE');
    expect(message).toContain('"/a/\\ud801"');
    expect(message).toContain('its name taken');
  });

  it('when the bytes of a file cannot be read', async () => {
    expect((await failure(treeOf({ closed, broken }))).message).toContain('no such bytes');
  });

  it('when it is aborted', async () => {
    const abort = new AbortController();
    const { message } = await failure(treeOf({ closed, big: text('x'.repeat(8 << 20)) }), {
      signal: abort.signal,
      onProgress: () => abort.abort(new Error('enough')),
    });
    expect(message).toBe('Error: enough');
  });

  it('when it was aborted before', async () => {
    const { message } = await failure(treeOf({ closed }), {
      signal: AbortSignal.abort(new Error('enough')),
    });
    expect(message).toBe('Error: enough');
  });
});

describe('withTimes', () => {
  it('changes every time, and leaves one node one', () => {
    const shared = text('x', { mtime: 3 });
    const tree = treeOf({ a: shared, sub: folder({ b: shared, l: symlink('a') }, { mtime: 9 }) });
    const { root: top } = withTimes(tree, (mtime) => mtime + 1);
    const sub = top.entries.get('sub');
    expect([top.mtime, top.entries.get('a')?.mtime, sub?.mtime]).toEqual([1, 4, 10]);
    const below = sub?.kind === 'directory' ? sub.entries : new Map<string, Node>();
    expect(below.get('b')).toBe(top.entries.get('a'));
    expect(below.get('l')).toEqual({ ...symlink('a'), mtime: 1 });
  });
});
