import { describe, expect, test } from 'vitest';
import { cat } from '../../../src/look/cat.ts';
import { requirePath } from '../../../src/look/found.ts';
import { createLinkCount } from '../../../src/look/link-count.ts';
import { listPaths } from '../../../src/look/list.ts';
import { modeText } from '../../../src/look/mode-text.ts';
import { folderSizes, outline } from '../../../src/look/outline.ts';
import { describePaths } from '../../../src/look/stat.ts';
import { isoTime } from '../../../src/look/time-text.ts';
import type { View } from '../../../src/look/view.ts';
import { openContents } from '../../../src/tree/contents.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import type { Content, FileNode, Node } from '../../../src/tree/tree.ts';
import { decodeName, digestOf, type Layer } from '../../../store/index.ts';
import * as item from '../../support/layers.ts';
import { layerIndex } from '../tree/layer-index.ts';
import { diskOf, viewOf, viewOfTree } from './view-of.ts';

const bytes = decodeName(Buffer.of(0xff, 0xfe));
const members = [
  item.file('usr/lib/a.so', '12345', { mode: 0o755, mtime: 1.5 }),
  item.hardlink('usr/lib/b.so', 'usr/lib/a.so'),
  item.hardlink('etc/c.so', 'usr/lib/a.so'),
  item.file('usr/lib.old', '123'),
  item.symlink('lib', 'usr/lib'),
  item.symlink('dangling', 'no/where'),
  item.file(`line\n${bytes}`, 'x'),
  item.special('dev/null', 'character', 1, 3),
  item.special('pipe', 'fifo'),
  item.directory('empty'),
];
const view = viewOf(...members);

function catching(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return String(error);
  }
  throw new Error('nothing was thrown');
}

describe('requirePath', () => {
  test.each([
    ['/usr/lib/a.so', '/usr/lib/a.so'],
    ['lib/a.so', '/usr/lib/a.so'],
    [`line\n${bytes}`, `/line\n${bytes}`],
    ['/line\\x0a\\xff\\xFE', `/line\n${bytes}`],
    ['/line\\u000a\\xff\\xfe', `/line\n${bytes}`],
    ['.', '/'],
  ])('finds %j at %j', (path, place) => {
    expect(requirePath(view, path).path).toBe(place);
  });

  test('refuses no path at all', () => {
    expect(() => requirePath(view, '')).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  test('cuts a path in its sentence when it is long', () => {
    const sentence = catching(() => requirePath(view, `/usr/${'a'.repeat(5000)}`));
    expect(sentence).toContain(`looking for "/usr/${'a'.repeat(115)}…" in`);
    expect(sentence.length).toBeLessThan(400);
  });

  test('takes a name as it was typed when there is one of it', () => {
    const both = viewOf(item.file('\\x41', 'typed'), item.file('A', 'meant'));
    expect(requirePath(both, '\\x41').path).toBe('/\\x41');
    expect(requirePath(both, '\\x41', { follow: false }).path).toBe('/\\x41');
  });

  const ls = 'osv-convert ls host/web:1.0';
  test.each([
    ['/nowhere', 'found no "nowhere" in "/", wanted a name it has', `${ls} /`],
    ['nowhere', 'found no "nowhere" in "/", wanted a name it has', `${ls} /`],
    ['/lib/x/y/z', 'found no "x" in "/usr/lib", wanted a name it has', `${ls} /usr/lib`],
    ['/lib/a.so/x', 'found no folder at "/usr/lib/a.so", wanted one', `${ls} /usr/lib`],
    ['/pipe/', 'found no folder at "/pipe", wanted one', `${ls} /`],
    [
      '/dangling/x',
      'found "dangling" in "/" to be a link to "no/where", which leads nowhere, wanted one that leads on',
      `${ls} /`,
    ],
    [`/${'x/'.repeat(60_000)}`, 'found no "x" in "/", wanted a name it has', `${ls} /`],
  ])('tells how far %.30j leads when it leads nowhere', (path, sentence, hint) => {
    const shown = path.length > 120 ? `${path.slice(0, 120)}…` : path;
    const message = `looking for ${JSON.stringify(shown)} in host/web:1.0: ${sentence}`;
    expect(() => requirePath(view, path)).toThrow(
      expect.objectContaining({ code: 'PATH_NOT_FOUND', message, hint }),
    );
  });

  test('gives a hint that is harmless in a shell when names are made to be commands', () => {
    const hostile = viewOf(item.directory("$(id)'`"));
    expect(() => requirePath(hostile, "/$(id)'`/x")).toThrow(
      expect.objectContaining({ hint: "osv-convert ls host/web:1.0 '/$(id)'\\''`'" }),
    );
  });

  test('names the subject in its hint as it was asked for', () => {
    expect(() => requirePath({ ...view, subject: 'oci:a b:it' }, '/x')).toThrow(
      expect.objectContaining({ hint: "osv-convert ls 'oci:a b:it' /" }),
    );
  });
});

describe('listPaths', () => {
  function listed(paths: readonly string[], options: Parameters<typeof listPaths>[2] = {}) {
    return [...listPaths(view, paths, options)].map(({ folder, nodes }) => [
      folder ?? '',
      ...nodes.map(({ name }) => name),
    ]);
  }

  test('lists folders, and what is none first, when given both', () => {
    expect(listed(['lib', 'pipe', '/empty', 'etc/../usr/lib.old'])).toEqual([
      ['', 'pipe', 'etc/../usr/lib.old'],
      ['/usr/lib', 'a.so', 'b.so'],
      ['/empty'],
    ]);
  });

  test('lists links and folders themselves when told so', () => {
    expect(listed(['lib', 'usr'], { follow: false })).toEqual([
      ['', 'lib'],
      ['/usr', 'lib', 'lib.old'],
    ]);
    expect(listed(['lib', 'lib/', '/'], { follow: false, itself: true })).toEqual([
      ['', 'lib', 'lib/', '/'],
    ]);
    expect(listed(['dangling'], { follow: false })).toEqual([['', 'dangling']]);
  });

  test('lists folders below folders, each after the one it is in, when recursive', () => {
    expect(listed(['/'], { recursive: true })).toEqual([
      ['/', 'dangling', 'dev', 'empty', 'etc', 'lib', `line\n${bytes}`, 'pipe', 'usr'],
      ['/dev', 'null'],
      ['/empty'],
      ['/etc', 'c.so'],
      ['/usr', 'lib', 'lib.old'],
      ['/usr/lib', 'a.so', 'b.so'],
    ]);
  });

  test('lists nothing when one path is not there', () => {
    expect(() => listPaths(view, ['/', '/x'], {}).next()).toThrow(
      expect.objectContaining({ code: 'PATH_NOT_FOUND' }),
    );
  });
});

describe('outline', () => {
  function rows(options: Parameters<typeof outline>[1]): string[] {
    return [...outline(requirePath(view, '/'), options)].map(
      ({ name, depth, isLast }) => `${'.'.repeat(depth)}${name}${isLast ? '!' : ''}`,
    );
  }

  test('tells of each node how deep it is and whether it is the last that is shown', () => {
    expect(rows({ level: 1 })).toEqual([
      ...['/!', '.dangling', '.dev', '.empty', '.etc', '.lib'],
      ...[`.line\n${bytes}`, '.pipe', '.usr!'],
    ]);
    expect(rows({ directories: true })).toEqual([
      ...['/!', '.dev', '.empty', '.etc', '.usr!', '..lib!'],
    ]);
  });

  test('folderSizes counts a file once when it has several names', () => {
    const start = requirePath(view, '/');
    const sizes = folderSizes(start);
    const of = (path: string) => sizes.get(requirePath(view, path).node);
    expect([of('/'), of('/etc'), of('/usr'), of('/usr/lib'), of('/empty')]).toEqual([
      9, 5, 3, 0, 0,
    ]);
    expect(folderSizes(requirePath(view, '/usr')).get(requirePath(view, '/usr').node)).toBe(8);
  });

  test('folderSizes and outline take a tree of any depth', () => {
    let node: Node = directory(new Map([['file', fileOfBytes(Buffer.from('1234'))]]));
    for (let depth = 0; depth < 50_000; depth += 1) node = directory(new Map([['d', node]]));
    const start = { path: '/', node };
    let rowCount = 0;
    for (const _ of outline(start)) rowCount += 1;
    expect(rowCount).toBe(50_002);
    expect(folderSizes(start).get(node)).toBe(4);
  });
});

describe('describePaths', () => {
  test('tells all names of a file, and what and where it is, when it has several', () => {
    const [file] = describePaths(view, ['usr/lib/b.so']);
    expect(file).toEqual({
      path: '/usr/lib/b.so',
      kind: 'file',
      ...{ mode: '0755', letters: '-rwxr-xr-x', uid: 0, gid: 0, mtime: 1.5 },
      links: 3,
      names: ['/etc/c.so', '/usr/lib/a.so', '/usr/lib/b.so'],
      size: 5,
      digest: digestOf(Buffer.from('12345')),
      stored: { layer: layerIndex('0', []).diffID, offset: 0, size: 5, extents: 1 },
    });
  });

  test('tells where a link leads, and of what it leads to when it is to follow', () => {
    const [link, dangling] = describePaths(view, ['lib', 'dangling']);
    expect(link).toMatchObject({ kind: 'symlink', size: 7, target: 'usr/lib' });
    expect(link?.leadsTo).toEqual({ path: '/usr/lib', kind: 'directory' });
    expect(dangling).toMatchObject({ target: 'no/where', leadsTo: null });
    const [folder] = describePaths(view, ['lib'], { follow: true });
    expect(folder).toMatchObject({ path: '/usr/lib', kind: 'directory', entries: 2, links: 2 });
    expect(() => describePaths(view, ['dangling'], { follow: true })).toThrow(
      expect.objectContaining({ code: 'PATH_NOT_FOUND' }),
    );
  });

  test('tells numbers of devices, attributes, and bytes that are there of a file with holes', () => {
    const xattrs = { 'security.capability': 'AQ==' };
    const [device, noted] = describePaths(
      viewOf(item.special('dev/sda', 'block', 8, 1), item.directory('noted', { xattrs })),
      ['dev/sda', 'noted'],
    );
    expect(device).toMatchObject({ kind: 'block', major: 8, minor: 1, letters: 'brw-------' });
    expect(noted).toMatchObject({ xattrs });
    const extents = [
      { position: 10, offset: 512, length: 3 },
      { position: 90, offset: 515, length: 5 },
    ];
    const { content, ...attributes } = fileOfBytes(Buffer.alloc(0));
    const { digest } = content;
    const layer = layerIndex('0', []).diffID;
    const sparse: FileNode = {
      ...attributes,
      content: { kind: 'layer', layer, offset: 512, size: 100, digest, extents },
    };
    const [file] = describePaths(viewOfTree({ root: directory(new Map([['s', sparse]])) }), ['s']);
    expect(file).toMatchObject({ size: 100, stored: { offset: 512, size: 8, extents: 2 } });
  });

  test('tells no attributes when a disk has none', () => {
    const [file] = describePaths(diskOf(...members), ['/usr/lib/a.so']);
    expect(file).not.toHaveProperty('mode');
    expect(file).not.toHaveProperty('letters');
    expect(file).not.toHaveProperty('mtime');
    expect(file).toMatchObject({ links: 3, size: 5 });
  });
});

describe('cat', () => {
  async function printed(from: View, ...paths: readonly string[]) {
    const pieces: string[] = [];
    const write = async (slice: Uint8Array) => {
      pieces.push(Buffer.from(slice).toString('latin1'));
    };
    const failure = await cat(from, paths, { write }).catch((error: unknown) => error);
    return { text: pieces.join(''), pieces, failure };
  }

  const big = Buffer.alloc(2 ** 20 + 3, 'z');
  const memory = viewOfTree({
    root: directory(
      new Map<string, Node>([
        ['one', fileOfBytes(Buffer.from('1'))],
        ['big', fileOfBytes(big)],
        ['none', fileOfBytes(Buffer.alloc(0))],
        ['link', symlink('one')],
        ['folder', directory()],
      ]),
    ),
  });

  test('writes files one after the other, in slices of at most a MiB', async () => {
    const { pieces, failure } = await printed(memory, 'link', 'none', 'big', 'one');
    expect(failure).toBeUndefined();
    expect(pieces.map((piece) => piece.length)).toEqual([1, 2 ** 20, 3, 1]);
  });

  test.each([
    ['folder', /"folder" in host\/web:1.0: found a folder, wanted a regular file/],
    ['nowhere', /no "nowhere" in "\/"/],
  ])('writes the files before it when %s is no file', async (path, message) => {
    const { text, failure } = await printed(memory, 'one', path, 'one');
    expect(text).toBe('1');
    expect(failure).toMatchObject({
      code: 'PATH_NOT_FOUND',
      message: expect.stringMatching(message),
    });
  });

  test.each([
    ['dev/null', 'a character device'],
    ['pipe', 'a named pipe'],
  ])('refuses %s, whatever it would give', async (path, found) => {
    const { failure } = await printed(view, path);
    expect(failure).toMatchObject({
      message: expect.stringContaining(`found ${found}, wanted a regular file`),
    });
  });

  test('writes no byte when one of a layer is not what its index tells', async () => {
    const index = layerIndex('0', []);
    const tar = Buffer.alloc(3 * 2 ** 20, 'a');
    const layer: Layer = {
      ...{ diffID: index.diffID, index, close: () => undefined },
      readInto: (target, offset) => tar.copy(target, 0, offset, offset + target.length),
    };
    const size = 2 * 2 ** 20 + 1;
    const digest = digestOf(tar.subarray(0, size));
    const content: Content = { kind: 'layer', layer: index.diffID, offset: 0, size, digest };
    const file: FileNode = { ...fileOfBytes(Buffer.alloc(0)), content };
    const contents = openContents(new Map([[index.diffID, layer]]));
    const stored: View = {
      ...viewOfTree({ root: directory(new Map([['file', file]])) }),
      contents,
    };
    expect((await printed(stored, 'file')).text).toHaveLength(size);
    tar.write('b', size - 1);
    const { text, failure } = await printed(stored, 'file');
    expect(text).toBe('');
    expect(failure).toMatchObject({ code: 'STORE_CORRUPT' });
  });

  test('stops when it is told to', async () => {
    const stop = new AbortController();
    const write = async () => stop.abort(new Error('enough'));
    await expect(cat(memory, ['big'], { write, signal: stop.signal })).rejects.toThrow('enough');
  });
});

describe('createLinkCount', () => {
  test('counts names of files, links and devices, and of folders what is in them', () => {
    const linksOf = createLinkCount(view.tree);
    const count = (path: string) => linksOf(requirePath(view, path, { follow: false }).node);
    expect(count('/etc/c.so')).toBe(3);
    expect(count('/lib')).toBe(1);
    expect(count('/usr')).toBe(3);
    expect(count('/empty')).toBe(2);
    expect(count('/')).toBe(6);
  });
});

describe('modeText', () => {
  test.each([
    [0o755, '-rwxr-xr-x'],
    [0o7000, '---S--S--T'],
    [0o7777, '-rwsrwsrwt'],
    [0o4711, '-rws--x--x'],
    [0o640, '-rw-r-----'],
  ])('shows %o as ls does', (mode, text) => {
    expect(modeText(fileOfBytes(Buffer.alloc(0), mode))).toBe(text);
  });
});

describe('isoTime', () => {
  test.each([
    [0, '1970-01-01T00:00:00Z'],
    [1_700_000_000.123456, '2023-11-14T22:13:20.123456Z'],
    [-0.5, '1969-12-31T23:59:59.5Z'],
    [1.9999999, '1970-01-01T00:00:02Z'],
    [253_402_300_800, '+010000-01-01T00:00:00Z'],
    [9e15, '@9000000000000000'],
    [-9e15, '@-9000000000000000'],
  ])('shows %d as %s', (seconds, text) => {
    expect(isoTime(seconds)).toBe(text);
  });
});
