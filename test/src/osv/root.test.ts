import { describe, expect, it } from 'vitest';
import { ConvertError } from '../../../src/error.ts';
import { hasIcu } from '../../../src/osv/libraries.ts';
import { composeRoot } from '../../../src/osv/root.ts';
import { type Edit, editTree } from '../../../src/tree/edit.ts';
import { lookup } from '../../../src/tree/lookup.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import type { Node, Tree } from '../../../src/tree/tree.ts';
import { listTree } from '../../support/list-tree.ts';

const app = { executable: '/app/hello', workingDirectory: '/app' };
const file = (text = 'x'): Node => fileOfBytes(Buffer.from(text));

/** A tree from paths: text is a file, `-> X` a link, `/` at the end a folder. */
function treeOf(paths: Readonly<Record<string, string>>): Tree {
  const edits = Object.entries(paths).map(([path, text]): Edit => {
    const link = /^-> (.*)$/s.exec(text)?.[1];
    const node = link === undefined ? file(text) : symlink(link);
    return path.endsWith('/')
      ? { op: 'set', path: path.slice(0, -1), node: directory() }
      : { op: 'set', path, node };
  });
  return editTree({ root: directory() }, edits);
}

/** The list of the tree, without modes and sizes, which a ROFS does not keep or the test does not mean. */
function shown(tree: Tree): string[] {
  return listTree(tree)
    .trim()
    .split('\n')
    .map((line) => line.replace(/^(.) \d+ \d+ /, '$1 '));
}

function textAt(tree: Tree, path: string): string | undefined {
  const node = lookup(tree, path)?.node;
  return node?.kind === 'file' && node.content.kind === 'bytes'
    ? Buffer.from(node.content.bytes).toString()
    : undefined;
}

function targetAt(tree: Tree, path: string): string | undefined {
  const node = lookup(tree, path, { follow: false })?.node;
  return node?.kind === 'symlink' ? node.target : undefined;
}

describe('composeRoot', () => {
  it('adds what OSv needs to an app and nothing else', () => {
    const { tree, lost, changes } = composeRoot(treeOf({ '/app/hello': 'ELF' }), app);
    expect(shown(tree)).toEqual([
      'd /',
      'd /app',
      '- /app/hello',
      'd /dev',
      'd /etc',
      '- /etc/fstab',
      '- /etc/hosts',
      'l /etc/mnttab -> /proc/mounts',
      'd /proc',
      'd /sys',
      'd /tmp',
    ]);
    expect(textAt(tree, '/etc/fstab')).toBe(
      [
        '/dev/vblk0.1 /          rofs      defaults 0 0',
        'none         /dev       devfs     defaults 0 0',
        'none         /proc      procfs    defaults 0 0',
        'none         /sys       sysfs     defaults 0 0',
        'none         /tmp       ramfs     defaults 0 0',
        '',
      ].join('\n'),
    );
    expect(textAt(tree, '/etc/hosts')).toBe('127.0.0.1 localhost osv.local\n');
    expect(lost).toEqual([]);
    expect(changes.map(({ path }) => path)).toEqual([
      '/dev',
      '/proc',
      '/sys',
      '/tmp',
      '/etc/fstab',
      '/etc/hosts',
      '/etc/mnttab',
    ]);
  });

  it('is the same when done twice', () => {
    const once = composeRoot(
      treeOf({ '/lib64': '-> usr/lib64', '/usr/lib64/liba.so.1': 'a' }),
      app,
    ).tree;
    expect(shown(composeRoot(once, app).tree)).toEqual(shown(once));
  });

  it("keeps the image's hosts when they say something, and replaces its fstab", () => {
    const image = treeOf({
      '/etc/hosts': '10.0.0.1 db',
      '/etc/fstab': '# UNCONFIGURED',
      '/etc/mnttab': 'x',
    });
    const { tree } = composeRoot(image, app);
    expect(textAt(tree, '/etc/hosts')).toBe('10.0.0.1 db');
    expect(textAt(tree, '/etc/mnttab')).toBe('x');
    expect(textAt(tree, '/etc/fstab')).toContain('rofs');
    expect(textAt(composeRoot(treeOf({ '/etc/hosts': '' }), app).tree, '/etc/hosts')).toContain(
      'localhost',
    );
  });

  it('writes settings through a link in the place of /etc', () => {
    const { tree } = composeRoot(
      treeOf({ '/etc': '-> data/etc', '/data/etc/os-release': 'x' }),
      app,
    );
    expect(textAt(tree, '/data/etc/fstab')).toContain('rofs');
  });

  it('empties the folders that are mounted over, and says how much is hidden', () => {
    const image = treeOf({ '/dev/null': '', '/tmp/a/b': 'x', '/proc/': '' });
    const { tree, changes } = composeRoot(image, app);
    expect(shown(tree)).not.toContain('- /tmp/a/b');
    expect(changes.filter(({ change }) => change.startsWith('emptied'))).toEqual([
      { path: '/dev', change: expect.stringContaining('its 1 entries') },
      { path: '/tmp', change: expect.stringContaining('its 2 entries') },
    ]);
  });

  it('puts a folder in the place of a link or file that is mounted over, and warns', () => {
    const { tree, lost } = composeRoot(treeOf({ '/tmp': '-> var/tmp', '/sys': 'text' }), app);
    expect(shown(tree)).toEqual(expect.arrayContaining(['d /tmp', 'd /sys']));
    expect(lost).toHaveLength(2);
  });

  it.each([
    ['usr/lib', '/usr/lib'],
    ['./usr/lib/', '/usr/lib'],
    ['../usr/f', '/usr/f'],
    ['.', '/'],
    ['/usr/lib', '/usr/lib'],
  ])('makes a link in / to %s one to %s', (target, wanted) => {
    const { tree } = composeRoot(treeOf({ '/x': `-> ${target}`, '/usr/lib/': '' }), app);
    expect(targetAt(tree, '/x')).toBe(wanted);
  });

  it.each([
    ['.hidden', '/a/.hidden'],
    ['..data/f', '/a/..v1/f'],
    ['/a/../b', '/b'],
    ['/a/./.hidden', '/a/.hidden'],
    ['link/../b', '/c/b'],
    ['/../proc/mounts', '/proc/mounts'],
  ])('makes a link below / to %s, which OSv misreads, one to %s', (target, wanted) => {
    const image = {
      '/a/x': `-> ${target}`,
      '/a/.hidden': 'h',
      '/a/..data': '-> ..v1',
      '/a/..v1/f': 'f',
      '/a/link': '-> ../c/d',
      '/b': 'b',
      '/c/b': 'cb',
      '/c/d/': '',
    };
    expect(targetAt(composeRoot(treeOf(image), app).tree, '/a/x')).toBe(wanted);
  });

  it.each(['../b', './b', 'c/d', '../../b', '/b', '/a//x'])(
    'leaves a link below / to %s alone',
    (target) => {
      const { tree } = composeRoot(treeOf({ '/a/x': `-> ${target}`, '/b': 'b' }), app);
      expect(targetAt(tree, '/a/x')).toBe(target);
    },
  );

  it('leaves out the libraries that OSv has itself, with the files and links of an old glibc', () => {
    const image = treeOf({
      '/lib64': '-> usr/lib64',
      '/lib': '-> usr/lib',
      '/usr/lib64/ld-linux-x86-64.so.2': '-> ../lib/x86_64-linux-gnu/ld-2.31.so',
      '/usr/lib/x86_64-linux-gnu/ld-2.31.so': 'x',
      '/usr/lib/x86_64-linux-gnu/libc-2.31.so': 'x',
      '/usr/lib/x86_64-linux-gnu/libc.so.6': '-> libc-2.31.so',
      '/usr/lib/x86_64-linux-gnu/libm.so': '-> libm.so.6',
      '/usr/lib/x86_64-linux-gnu/libm.so.6': 'x',
      '/usr/lib/x86_64-linux-gnu/libcrypt.so.1': '-> libcrypt.so.1.1.0',
      '/usr/lib/x86_64-linux-gnu/libcrypt.so.1.1.0': 'x',
      '/usr/lib/x86_64-linux-gnu/libutil.so.1': 'kept: OSv has it not',
      '/usr/lib/x86_64-linux-gnu/libcap.so.2': 'kept',
      '/app/libc.so.6': 'kept: not where libraries are looked for',
    });
    const { tree } = composeRoot(image, app);
    expect(shown(tree).filter((line) => line.includes('.so'))).toEqual([
      '- /app/libc.so.6',
      'l /usr/lib/libcap.so.2 -> /usr/lib/x86_64-linux-gnu/libcap.so.2',
      'l /usr/lib/libutil.so.1 -> /usr/lib/x86_64-linux-gnu/libutil.so.1',
      '- /usr/lib/x86_64-linux-gnu/libcap.so.2',
      '- /usr/lib/x86_64-linux-gnu/libutil.so.1',
    ]);
  });

  it("links each library into /usr/lib once, the distribution's own order deciding", () => {
    const image = treeOf({
      '/lib/x86_64-linux-gnu/liba.so.1': 'first',
      '/usr/lib64/liba.so.1': 'second',
      '/usr/lib64/libb.so': '-> libb.so.1.2',
      '/usr/lib64/libb.so.1.2': 'b',
      '/usr/lib64/libgone.so': '-> nowhere',
      '/usr/lib64/libfolder.so/x': 'x',
      '/usr/lib64/notes.txt': 'x',
      '/lib/libc.so': 'c',
      '/usr/lib/libc.so': 'already there',
    });
    const { tree, changes } = composeRoot(image, app);
    expect(targetAt(tree, '/usr/lib/liba.so.1')).toBe('/lib/x86_64-linux-gnu/liba.so.1');
    expect(targetAt(tree, '/usr/lib/libb.so')).toBe('/usr/lib64/libb.so');
    expect(textAt(tree, '/usr/lib/libb.so')).toBe('b');
    expect(textAt(tree, '/usr/lib/libc.so')).toBe('already there');
    expect(
      changes.filter(({ change }) => change.includes('a link to')).map(({ path }) => path),
    ).toEqual(['/usr/lib/liba.so.1', '/usr/lib/libb.so', '/usr/lib/libb.so.1.2']);
  });

  it('links nothing to itself when all library folders are one', () => {
    const image = treeOf({
      '/lib': '-> usr/lib',
      '/lib64': '-> usr/lib',
      '/usr/lib64': '-> lib',
      '/usr/lib/liba.so': 'a',
    });
    expect(textAt(composeRoot(image, app).tree, '/usr/lib/liba.so')).toBe('a');
  });

  it('takes out commands and drivers that the kernel would run, wherever links put them', () => {
    const image = treeOf({
      '/init': '-> boot',
      '/boot/10-evil': '/app/evil;',
      '/usr/lib/fs': '-> /opt/fs',
      '/opt/fs/libsolaris.so': 'x',
      '/opt/fs/README': 'kept',
    });
    const { tree, lost } = composeRoot(image, app);
    expect(shown(tree)).not.toContain('l /init -> boot');
    expect(shown(tree).filter((line) => line.includes('/opt/fs/'))).toEqual(['- /opt/fs/README']);
    expect(lost).toHaveLength(2);
  });

  it('keeps a program named /init, which the kernel does not read', () => {
    expect(textAt(composeRoot(treeOf({ '/init': 'ELF' }), app).tree, '/init')).toBe('ELF');
  });

  it('makes the working directory when it is missing', () => {
    const { tree, changes } = composeRoot(treeOf({}), { ...app, workingDirectory: '/srv/data' });
    expect(shown(tree)).toContain('d /srv/data');
    expect(changes.at(-1)?.path).toBe('/srv/data');
  });

  it('warns when a mount hides the working directory', () => {
    const { lost } = composeRoot(treeOf({}), { ...app, workingDirectory: '/tmp/work' });
    expect(lost).toEqual([
      { path: '/tmp/work', change: expect.stringContaining('mounts over /tmp') },
    ]);
    expect(composeRoot(treeOf({}), { ...app, workingDirectory: '/tmp' }).lost).toEqual([]);
  });

  it.each<[string, Readonly<Record<string, string>>, Partial<Parameters<typeof composeRoot>[1]>]>([
    ['/etc is a file', { '/etc': 'text' }, {}],
    ['/etc links to itself', { '/etc': '-> /etc' }, {}],
    ['the working directory is a file', { '/app': 'text' }, {}],
    ['a mount hides the program', {}, { executable: '/tmp/app/hello' }],
    ['a mount hides the assembly', {}, { assembly: '/dev/shm/hello.dll' }],
  ])('fails when %s', (_, paths, changes) => {
    const compose = () => composeRoot(treeOf(paths), { ...app, ...changes });
    expect(compose).toThrow(ConvertError);
    expect(compose).toThrow(expect.objectContaining({ code: 'ROOT_CONFLICT' }));
  });
});

describe('hasIcu', () => {
  it.each([
    [{ '/usr/lib/libicuuc.so.72': 'x', '/usr/lib/libicui18n.so.72': 'x' }, true],
    [{ '/app/libicuuc.so': 'x', '/app/libicui18n.so': 'x' }, true],
    [{ '/usr/lib/libicuuc.so.72': 'x' }, false],
    [{ '/opt/libicuuc.so.72': 'x', '/opt/libicui18n.so.72': 'x' }, false],
    [{}, false],
  ])('of %j is %s', (paths, wanted) => {
    expect(hasIcu(treeOf(paths), '/app')).toBe(wanted);
  });
});
