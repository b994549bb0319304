import { describe, expect, it } from 'vitest';
import { encodeCommandLine } from '../../../src/osv/command-line.ts';
import { withEnv } from '../../../src/osv/command-line-edit.ts';
import { parseCommandLine } from '../../../src/osv/command-line-parse.ts';
import { dataMounts, dataMountsOf } from '../../../src/osv/data-mounts.ts';
import { composeRoot, type RootOptions } from '../../../src/osv/root.ts';
import { type Edit, editTree } from '../../../src/tree/edit.ts';
import { lookup } from '../../../src/tree/lookup.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import type { Node, Tree } from '../../../src/tree/tree.ts';

const mounts = dataMounts(['/data'], ['/settings', '/žluť']);

function lineWith(env: Iterable<readonly [string, string]> = []): Uint8Array {
  const options = { rootfs: 'rofs', env, cwd: '/app', powerOffOnAbort: true, mounts } as const;
  return encodeCommandLine({ options, program: '/app/hello', args: [], stopThreads: true });
}

const text = fileOfBytes(Buffer.from('x'));

function treeOf(nodes: Readonly<Record<string, Node>>): Tree {
  const edits = Object.entries(nodes).map(([path, node]): Edit => ({ op: 'set', path, node }));
  return editTree({ root: directory() }, [{ op: 'set', path: '/app/hello', node: text }, ...edits]);
}

function rootOf(nodes: Readonly<Record<string, Node>>, options: RootOptions) {
  const app = { executable: '/app/hello', workingDirectory: '/app' };
  return composeRoot(treeOf(nodes), app, options);
}

const data = (volumes: readonly string[], shares: readonly string[] = []): RootOptions => ({
  data: { volumes, shares },
});

describe('a command line with data', () => {
  it('mounts it by --mount-fs, for OSv unmounts nothing of /etc/fstab (fs/vfs/main.cc, vfs_exit)', () => {
    expect(Buffer.from(lineWith()).toString()).toBe(
      '--rootfs=rofs --power-off-on-abort --mount-fs=ext,/dev/vblk1,/data ' +
        '--mount-fs=virtiofs,/dev/virtiofs0,/settings --mount-fs=virtiofs,/dev/virtiofs1,/žluť ' +
        '--cwd=/app /app/hello !',
    );
  });

  it('tells what it mounts, also after its variables were edited', () => {
    const parsed = parseCommandLine(lineWith([['A', '1']]));
    if ('reason' in parsed) throw new Error(parsed.reason);
    const edited = withEnv(parsed, { set: new Map([['B', '2']]), unset: ['A'] });
    expect(dataMountsOf(edited)).toEqual(mounts);
  });

  it.each([
    ['--mount-fs=zfs,data,/data /app/hello'],
    ['--mount-fs=ext,/dev/vblk1 /app/hello'],
    ['--mount-fs=ext,/dev/vblk1,/data,more /app/hello'],
    ['--mount-fs=nfs,nfs://host/x,/data /app/hello'],
    ['--other=ext,/dev/vblk1,/data /app/hello'],
    ['--mount-fs= /app/hello'],
  ])('mounts nothing that a machine can bring with %s', (line) => {
    expect(dataMountsOf(Buffer.from(line))).toEqual([]);
  });
});

describe('composeRoot with data', () => {
  it('makes the folders, for the disk is read-only, and empties those that are hidden', () => {
    const root = rootOf(
      { '/data/seed.db': text, '/etc/shop/a': directory() },
      data(['/data'], ['/settings']),
    );
    expect(lookup(root.tree, '/data')?.node).toEqual(directory());
    expect(lookup(root.tree, '/settings')?.node).toEqual(directory());
    expect(root.data.map(({ path, device }) => `${path} ${device}`)).toEqual([
      '/data /dev/vblk1',
      '/settings /dev/virtiofs0',
    ]);
    expect(root.lost).toEqual([
      { path: '/data', change: 'emptied: --volume mounts over it and hides its 1 file' },
    ]);
  });

  it('follows links to the folder that OSv mounts over', () => {
    const nodes = { '/data': symlink('/var/lib/shop'), '/var/lib/shop': directory() };
    expect(rootOf(nodes, data(['/data'])).data[0]?.path).toBe('/var/lib/shop');
  });

  it.each<readonly [string, RootOptions, string]>([
    ['hide the app', data(['/app']), 'found /app/hello below it, which the app needs'],
    ['hide the libraries', data(['/usr']), 'found /usr/lib below it'],
    ['hide each other', data(['/data'], ['/data/settings']), 'found another mount at /data'],
    ['lie in memory', { tmpfs: ['/data'], ...data(['/data/db']) }, 'another mount at /data'],
    ['lie in /tmp', data([], ['/tmp/x']), 'wanted a folder elsewhere'],
    ['have a comma', data(['/a,b']), 'wanted a path without commas'],
    ['stand where a file is', data(['/file']), 'found a file there'],
  ])('refuses those that would %s', (_, options, problem) => {
    expect(() => rootOf({ '/file': text, '/usr/lib/libx.so': text }, options)).toThrow(
      expect.objectContaining({
        code: 'ROOT_CONFLICT',
        message: expect.stringContaining(problem),
      }),
    );
  });

  it('keeps the file systems that the user brings the kernel, and none of the image', () => {
    const nodes = { '/usr/lib/fs/libext.so': text, '/usr/lib/fs/libevil.so': text };
    const { tree } = rootOf(nodes, { added: new Set(['/usr/lib/fs/libext.so']) });
    expect(lookup(tree, '/usr/lib/fs/libext.so')).toBeDefined();
    expect(lookup(tree, '/usr/lib/fs/libevil.so')).toBeUndefined();
  });
});
