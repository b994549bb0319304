import { describe, expect, it } from 'vitest';
import { formatFstab, parseTmpfs, ramfsPaths } from '../../../src/osv/mounts.ts';
import { composeRoot } from '../../../src/osv/root.ts';
import { type Edit, editTree } from '../../../src/tree/edit.ts';
import { lookup } from '../../../src/tree/lookup.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import type { Tree } from '../../../src/tree/tree.ts';
import { decodeName } from '../../../store/index.ts';

describe('parseTmpfs', () => {
  it.each([
    ['/data', '/data'],
    ['//app///data/', '/app/data'],
    ['/tmp', '/tmp'],
    ['/žluť', '/žluť'],
    [`/${'x'.repeat(229)}`, `/${'x'.repeat(229)}`],
  ])('reads %s', (text, path) => {
    expect(parseTmpfs(text)).toBe(path);
  });

  it.each([
    ['', 'found "", wanted an absolute path without "." and ".."'],
    ['data', 'found "data", wanted an absolute path without "." and ".."'],
    ['/a/../b', 'found "/a/../b", wanted an absolute path without "." and ".."'],
    ['/', 'found "/", wanted a folder of it: the root is the disk'],
    ['/dev/shm', `found "/dev/shm", wanted a folder elsewhere: /dev is the kernel's`],
    ['/proc', `found "/proc", wanted a folder elsewhere: /proc is the kernel's`],
    ['/my data', 'found "/my data", wanted a path without blanks, which OSv cannot mount over'],
    ['/a\nb', 'found "/a\\nb", wanted a path without blanks, which OSv cannot mount over'],
    [`/${'ž'.repeat(115)}`, `found "/${'ž'.repeat(115)}", wanted at most 230 bytes, not 231`],
  ])('refuses %j (OSv, libc/misc/mntent.cc: lines of 255 bytes, no escapes)', (text, problem) => {
    expect(() => parseTmpfs(text)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: `reading --tmpfs: ${problem}` }),
    );
  });

  it("refuses docker's options and tells what to type without them", () => {
    expect(() => parseTmpfs('/data:size=64m')).toThrow(
      expect.objectContaining({
        code: 'USAGE',
        message: expect.stringContaining('found the options "size=64m", wanted a path alone'),
        hint: '--tmpfs /data --memory 2G',
      }),
    );
  });
});

describe('ramfsPaths', () => {
  it.each([
    [
      ['/b', '/a'],
      ['/a', '/b'],
    ],
    [
      ['/a/b/c', '/a'],
      ['/a', '/a/b', '/a/b/c'],
    ],
    [
      ['/tmp', '/tmp/x/y'],
      ['/tmp/x', '/tmp/x/y'],
    ],
    [
      ['/ab', '/a'],
      ['/a', '/ab'],
    ],
    [[], []],
  ])('mounts for %j what lies above first, and all between', (paths, wanted) => {
    expect(ramfsPaths(paths)).toEqual(wanted);
  });
});

describe('formatFstab', () => {
  it('is the table of OSv, and a line for each ramfs', () => {
    expect(decodeName(formatFstab(['/app/data', '/b\udcff']))).toBe(
      `/dev/vblk0.1 /          rofs      defaults 0 0
none         /dev       devfs     defaults 0 0
none         /proc      procfs    defaults 0 0
none         /sys       sysfs     defaults 0 0
none         /tmp       ramfs     defaults 0 0
none /app/data ramfs defaults 0 0
none /b\udcff ramfs defaults 0 0
`,
    );
  });
});

describe('composeRoot', () => {
  const app = { executable: '/usr/bin/dotnet', assembly: '/app/web.dll', workingDirectory: '/app' };
  const image = treeOf({
    '/app/web.dll': 'x',
    '/app/data/seed/a': 'x',
    '/app/data/seed/b': 'x',
    '/app/empty/': '',
    '/run/': '',
    '/var/run': '-> /run',
    '/var/gone': '-> /nowhere',
    '/devices': '-> /dev',
    '/root.link': '-> /',
  });

  it.each([
    ['/app/data', '/app/data', 'emptied: --tmpfs mounts over it and hides its 2 files', true],
    ['/app/empty', '/app/empty', undefined, false],
    ['/new/data', '/new/data', 'added: --tmpfs mounts over it', false],
    ['/var/run/web', '/run/web', 'added: --tmpfs mounts over it', false],
  ])('makes a folder for --tmpfs %s', (path, place, change, isLoss) => {
    const root = composeRoot(image, app, { tmpfs: [path] });
    expect(root.ramfs).toEqual([place]);
    expect(lookup(root.tree, place)?.node).toEqual(directory());
    expect(root.changes.find((one) => one.path === place)?.change).toBe(change);
    expect(root.lost.some((one) => one.path === place)).toBe(isLoss);
    expect(fstabOf(root.tree)).toContain(`\nnone ${place} ramfs defaults 0 0\n`);
  });

  it('makes no folder where the machine makes it in another ramfs', () => {
    const { tree, ramfs } = composeRoot(image, app, {
      tmpfs: ['/app/data/x/y', '/app/data', '/tmp/z'],
    });
    expect(ramfs).toEqual(['/app/data', '/app/data/x', '/app/data/x/y', '/tmp/z']);
    expect(lookup(tree, '/app/data')?.node).toEqual(directory());
    expect(lookup(tree, '/tmp')?.node).toEqual(directory());
  });

  it('starts the app in a working directory that is a ramfs', () => {
    const inData = { ...app, workingDirectory: '/app/data' };
    expect(composeRoot(image, inData, { tmpfs: ['/app/data'] }).ramfs).toEqual(['/app/data']);
    const below = composeRoot(
      image,
      { ...app, workingDirectory: '/app/data/x' },
      { tmpfs: ['/app/data'] },
    );
    expect(below.lost.map(({ change }) => change)).toContain(
      'not there on OSv, which mounts over /app/data: the app starts in /',
    );
  });

  it.each([
    ['/app', 'found /app/web.dll below it, which the app needs, wanted a folder without it'],
    ['/usr', 'found /usr/bin/dotnet below it, which the app needs, wanted a folder without it'],
    ['/usr/lib', 'found /usr/lib below it, which the app needs, wanted a folder without it'],
    [
      '/opt/dotnet',
      'found /opt/dotnet/shared below it, which the app needs, wanted a folder without it',
    ],
    ['/app/web.dll', 'found a file there, wanted a folder, or nothing'],
    ['/app/web.dll/x', 'found a file there, wanted a folder, or nothing'],
    ['/var/gone', 'found a link to nothing there, wanted a folder, or nothing'],
    ['/devices', "found what leads to /dev, wanted a folder elsewhere: /dev is the kernel's"],
    ['/root.link', 'found what leads to /, wanted a folder of it: the root is the disk'],
  ])('refuses --tmpfs %s', (path, problem) => {
    const compose = () =>
      composeRoot(image, app, { tmpfs: [path], needed: ['/opt/dotnet/shared'] });
    expect(compose).toThrow(
      expect.objectContaining({ code: 'ROOT_CONFLICT', message: expect.stringContaining(problem) }),
    );
  });
});

function fstabOf(tree: Tree): string {
  const node = lookup(tree, '/etc/fstab')?.node;
  if (node?.kind !== 'file' || node.content.kind !== 'bytes') throw new Error('no /etc/fstab');
  return decodeName(node.content.bytes);
}

/** A tree from paths: text is a file, `-> X` a link, `/` at the end a folder. */
function treeOf(paths: Readonly<Record<string, string>>): Tree {
  const edits = Object.entries(paths).map(([path, text]): Edit => {
    if (path.endsWith('/')) return { op: 'set', path: path.slice(0, -1), node: directory() };
    const node = text.startsWith('-> ') ? symlink(text.slice(3)) : fileOfBytes(Buffer.from(text));
    return { op: 'set', path, node };
  });
  return editTree({ root: directory() }, edits);
}
