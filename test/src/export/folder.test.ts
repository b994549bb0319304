import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorCodeOf } from '../../../src/error.ts';
import { withTimes } from '../../../src/export/attributes.ts';
import { type WriteFolderOptions, writeFolder } from '../../../src/export/folder.ts';
import { removeFolder } from '../../../src/export/folder-remove.ts';
import { openContents } from '../../../src/tree/contents.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import { withLayers } from '../../../src/tree/open-layers.ts';
import type { Content, FileNode, Node, SpecialNode, Tree } from '../../../src/tree/tree.ts';
import { encodeName, openMemoryStore } from '../../../store/index.ts';
import { snapshotOf } from '../../support/folder-snapshot.ts';
import { archive, gnuMap, header } from '../../support/tar-builder.ts';

const root = mkdtempSync(join(tmpdir(), 'osv-convert-folder-'));
let parent = '';
let out = '';
let count = 0;

beforeEach(() => {
  count += 1;
  parent = join(root, String(count));
  mkdirSync(parent);
  out = join(parent, 'out');
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const contents = openContents(new Map());

async function write(tree: Tree, options: Partial<WriteFolderOptions> = {}): Promise<string[]> {
  const warnings: string[] = [];
  const onWarning = (text: string) => void warnings.push(text);
  await writeFolder(tree, out, { contents, onWarning, ...options });
  return warnings;
}

/** The code and the sentence of a failure that leaves nothing behind in the parent folder. */
async function failure(tree: Tree, options: Partial<WriteFolderOptions> = {}) {
  const before = readdirSync(parent);
  const error: unknown = await write(tree, options).then(
    () => undefined,
    (cause) => cause,
  );
  expect(readdirSync(parent)).toEqual(before);
  return { code: errorCodeOf(error), message: String(error) };
}

const treeOf = (entries: Readonly<Record<string, Node>>): Tree => ({
  root: directory(new Map(Object.entries(entries))),
});

const folder = (entries: Readonly<Record<string, Node>>, attributes: Partial<Node> = {}): Node => ({
  ...treeOf(entries).root,
  ...attributes,
  kind: 'directory',
});

const text = (value: string, attributes: Partial<FileNode> = {}): FileNode => ({
  ...fileOfBytes(Buffer.from(value)),
  ...attributes,
});

const device = (type: SpecialNode['type']): SpecialNode => ({
  ...{ kind: 'special', type, major: 1, minor: 3 },
  ...{ mode: 0o620, uid: 0, gid: 5, mtime: 9 },
});

const statOf = (path: string) =>
  lstatSync(Buffer.concat([Buffer.from(`${out}/`), encodeName(path)]), { bigint: true });
const modeOf = (path: string) => Number(statOf(path).mode & 0o7777n);

/** Paths in it may be longer than `rm` of Node takes. */
function remove(name: string): void {
  const fd = openSync(parent, 'r');
  try {
    removeFolder(fd, name);
  } finally {
    closeSync(fd);
  }
}

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

describe('writeFolder refuses', () => {
  it.each(['', '.', '..', '/', 'a/b', '../x', '/etc', 'a\0b', '..\0'])(
    'the name %j and has then touched nothing',
    async (name) => {
      for (const node of [text('x'), folder({}), symlink('x'), folder({ f: text('y') })]) {
        for (const tree of [treeOf({ [name]: node }), treeOf({ a: folder({ [name]: node }) })]) {
          const before = snapshotOf(parent);
          const { code, message } = await failure(tree);
          expect(code).toBe('LAYER_CORRUPT');
          expect(message).toContain(`the name ${JSON.stringify(name)}`);
          expect(snapshotOf(parent)).toEqual(before);
        }
      }
    },
  );

  it.each([
    ['', '0 bytes'],
    ['a\0b', 'a NUL'],
    ['x'.repeat(4096), '4096 bytes'],
  ])('a link target that no link can have (%#)', async (target, found) => {
    const { code, message } = await failure(treeOf({ a: folder({ link: symlink(target) }) }));
    expect(code).toBe('LAYER_CORRUPT');
    expect(message).toContain('"/a/link"');
    expect(message).toContain(found);
  });

  it('a folder that has things in it', async () => {
    mkdirSync(out);
    writeFileSync(join(out, 'mine'), '');
    const { code, message } = await failure(treeOf({}));
    expect(code).toBe('OUTPUT_UNUSABLE');
    expect(message).toContain('a folder that has "mine" in it');
    expect(readdirSync(out)).toEqual(['mine']);
  });

  it.each([
    ['a file', () => writeFileSync(out, ''), 'a file there'],
    ['a link to nothing', () => symlinkSync('nothing', out), 'a link that leads nowhere'],
    [
      'a parent that is not there',
      () => {
        out = join(parent, 'no/out');
      },
      'no folder',
    ],
    [
      'a parent that is a file',
      () => {
        writeFileSync(join(parent, 'file'), '');
        out = join(parent, 'file/out');
      },
      'a file there',
    ],
    [
      'a folder in /proc',
      () => {
        out = '/proc/out';
      },
      'no folder /proc',
    ],
    [
      'a mounted folder',
      () => {
        out = '/dev/shm';
      },
      '',
    ],
    [
      'no name',
      () => {
        out = '';
      },
      'without a name',
    ],
  ])('%s', async (_what, prepare, found) => {
    prepare();
    const { code, message } = await failure(treeOf({ file: text('x') }));
    expect(code).toBe('OUTPUT_UNUSABLE');
    expect(message).toContain(found);
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

const isThere = spawnSync('setfattr', ['--version']).status === 0;
if (!isThere) console.log("skipped: extended attributes, for want of Debian's package attr");

describe('writeFolder keeps owners', () => {
  const { PATH } = process.env;
  afterEach(() => {
    process.env['PATH'] = PATH;
  });

  const base64 = (value: string) => Buffer.from(value).toString('base64');
  const owned = { uid: 1654, gid: 0 };

  it.runIf(isThere)('and what users may set, in extended attributes', async () => {
    const shared = text('x', { ...owned, mode: 0o400 });
    const tree = treeOf({
      'a\n=\udcff': text('x', { uid: 0, gid: 300, mode: 0 }),
      app: folder({ one: shared, two: shared }, { ...owned, mode: 0o500, mtime: 7 }),
      noted: text('x', { xattrs: { 'user.note': base64('a"\n'), 'user.empty': '' } }),
      null: device('character'),
      plain: text('x'),
    });
    expect((await write(tree)).length).toBe(1);
    const { stdout } = spawnSync('getfattr', ['-R', '-d', '-m', '-', '-e', 'hex', '.'], {
      cwd: out,
      encoding: 'latin1',
    });
    const blocks = stdout.trim().split('\n\n').sort();
    expect(blocks).toEqual([
      '# file: a\\012=\xff\nuser.rootlesscontainers=0x08ffffffff0f10ac02',
      '# file: app\nuser.rootlesscontainers=0x08f60c10ffffffff0f',
      '# file: app/one\nuser.rootlesscontainers=0x08f60c10ffffffff0f',
      '# file: app/two\nuser.rootlesscontainers=0x08f60c10ffffffff0f',
      '# file: noted\nuser.empty=0x\nuser.note=0x61220a',
      '# file: null\nuser.rootlesscontainers=0x08ffffffff0f1005',
    ]);
    expect([modeOf('app'), modeOf('app/one'), modeOf('a\n=\udcff')]).toEqual([0o500, 0o400, 0]);
    expect(statOf('app').mtimeNs).toBe(7_000_000_000n);
  });

  it.runIf(isThere)('of more folders than it holds open at one time', async () => {
    const entries = Array.from({ length: 150 }, (_, number) => {
      return [`d${number}`, folder({ f: text('x', owned) }, owned)] as const;
    });
    await write(treeOf(Object.fromEntries(entries)));
    const { stdout } = spawnSync('getfattr', ['-R', '-d', '-m', '-', '.'], { cwd: out });
    expect(stdout.toString().match(/rootlesscontainers=/g)?.length).toBe(300);
  });

  it('where setfattr is, and says so where it is not', async () => {
    process.env['PATH'] = parent;
    const warnings = await write(treeOf({ a: text('x', owned), b: folder({}, owned) }));
    expect(warnings).toEqual([
      'owners and extended attributes are not kept (2): found no setfattr; apt-get install attr',
    ]);
  });

  it('of no link, and says so', async () => {
    const warnings = await write(
      treeOf({ link: { ...symlink('x'), uid: 5 }, file: text('x', { uid: 2 ** 32 }) }),
    );
    expect(warnings.join()).toContain('symbolic links and above 32 bits (2)');
  });

  it('but nothing that only root may set, and says what', async () => {
    const xattrs = { 'security.capability': 'AA==', 'user.rootlesscontainers': 'AA==' };
    const warnings = await write(treeOf({ a: text('x', { xattrs }), b: text('y', { xattrs }) }));
    expect(warnings.join()).toContain('security.capability (2), user.rootlesscontainers (2)');
  });

  it.runIf(isThere)('as far as the file system takes them, and says what it does not', async () => {
    const xattrs = { 'user.big': Buffer.alloc(70_000).toString('base64'), 'user.ok': base64('1') };
    const warnings = await write(treeOf({ a: text('x', { xattrs }) }));
    expect(warnings.join()).toMatch(/setfattr failed with .+ \(1\)$/);
    const { stdout } = spawnSync('getfattr', ['-d', join(out, 'a')], { encoding: 'utf8' });
    expect(stdout).toContain('user.ok="1"');
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

describe('removeFolder', () => {
  it('removes what forbids it, and follows no link', () => {
    const kept = join(parent, 'kept');
    mkdirSync(kept);
    writeFileSync(join(kept, 'file'), 'x');
    const gone = join(parent, 'gone');
    mkdirSync(join(gone, 'a/b'), { recursive: true });
    symlinkSync(kept, join(gone, 'link'));
    symlinkSync(kept, join(gone, 'a/b/link'));
    chmodSync(join(gone, 'a/b'), 0);
    chmodSync(join(gone, 'a'), 0);
    const before = snapshotOf(kept);
    remove('gone');
    expect(readdirSync(parent)).toEqual(['kept']);
    expect(snapshotOf(kept)).toEqual(before);
  });
});
