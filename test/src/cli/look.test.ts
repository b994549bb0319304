import { describe, expect, it } from 'vitest';
import { descriptionText } from '../../../src/cli/description.ts';
import { treeJson, treeText } from '../../../src/cli/drawn-tree.ts';
import { once } from '../../../src/cli/find-options.ts';
import { listingJson, listingText } from '../../../src/cli/listing.ts';
import { inPieces, jsonList } from '../../../src/cli/pieces.ts';
import { find } from '../../../src/look/find.ts';
import { requirePath } from '../../../src/look/found.ts';
import { listPaths } from '../../../src/look/list.ts';
import { describePaths } from '../../../src/look/stat.ts';
import { checked, disk, hostile, layer, library, name, ok, run, seen, upper } from './looked.ts';

describe('osv-convert ls', () => {
  const listed = async (subject: string, paths: readonly string[], recursive = false) =>
    await checked(
      'nodes',
      await seen(subject, (view) => listingJson(view, listPaths(view, paths, { recursive }))),
    );

  it('lists names by their bytes and escapes what a terminal would obey', async () => {
    expect(await ok('ls', name)).toBe('dev\netc\nlib\nusr\n\\xff\\x0a\\x1b[31m\n');
  });

  it('lists mode, links, owner, size, time and target when it is long', async () => {
    expect(await ok('ls', '-lR', name, 'etc', 'usr', 'dev', 'lib')).toBe(
      [
        'lrwxrwxrwx 1 0 0 7 1970-01-01 00:00Z lib -> usr/lib',
        '',
        '/etc:',
        '-rwSr----- 1 7 42 5 1970-01-01 00:00Z passwd',
        '',
        '/usr:',
        'drwxr-xr-x 2 0 0 0 1970-01-01 00:00Z lib',
        '',
        '/usr/lib:',
        '-rwxr-xr-x 2 0 0 3145729 2023-11-14 22:13Z a.so',
        '-rwxr-xr-x 2 0 0 3145729 2023-11-14 22:13Z b.so',
        '',
        '/dev:',
        'crw------- 1 0 0 1, 3 1970-01-01 00:00Z null',
        '',
      ].join('\n'),
    );
  });

  it('shows what a layer hides', async () => {
    expect(await ok('ls', '-l', layer, 'old')).toMatch(/^c--------- 1 0 0 0, 0 .* old\n$/);
  });

  it('shows of a disk what it keeps', async () => {
    const look = { long: true, withHeads: true };
    const text = await seen(disk, (view) =>
      listingText(view, listPaths(view, ['/'], { recursive: true }), look),
    );
    expect(text).toBe('/:\nd 0 app\nl 7 current -> app/one\n\n/app:\n- 7 one\n- 7 two\n');
  });

  it('tells it by its schema when it prints JSON', async () => {
    const printed = await checked('nodes', await ok('ls', name, '--json'));
    expect(printed).toMatchObject({ name, kind: 'image' });
    expect(printed.nodes.at(-1)).toMatchObject({ path: `/${hostile}`, mode: '0644', links: 1 });
    expect(await listed(name, ['/'])).toEqual(printed);
    expect((await listed(name, ['/'], true)).nodes).toHaveLength(10);
    expect(await listed(layer, ['/'])).toMatchObject({ name: upper, kind: 'layer' });
    expect((await listed(disk, ['app/one'])).nodes).toEqual([
      { path: '/app/one', kind: 'file', links: 2, size: 7 },
    ]);
  });

  it('tells how far a path leads, and what to type, when it is not there', async () => {
    const { code, stdout, stderr } = await run('ls', name, '/', 'usr/share/doc');
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toContain('found no "share" in "/usr"');
    expect(stderr).toContain(`try: osv-convert ls ${name} /usr\n`);
  });
});

describe('osv-convert ls of what the store has', () => {
  it('prints nothing but the result, and takes what ls(1) is asked for', async () => {
    const { code, stdout, stderr } = await run('ls', '-a1', name, '/etc');
    expect([code, stdout, stderr]).toEqual([0, 'passwd\n', '']);
  });

  it('refuses an empty path', async () => {
    const { code, stderr } = await run('ls', name, '');
    expect(stderr).toContain('found "" for a path');
    expect(code).toBe(2);
  });
});

describe('osv-convert cat', () => {
  it('prints files byte for byte, also by names as they were printed', async () => {
    const text = await ok('cat', name, 'etc/passwd', '/lib/b.so', '\\xff\\x0a\\x1b[31m');
    expect(text).toBe(`root\n${library}hostile\n`);
    expect(await ok('cat', disk, 'current')).toBe('shared\n');
  });

  it('prints what stands before a folder, and fails, as JSON where it was asked to', async () => {
    const { code, stdout, stderr } = await run('cat', layer, 'etc/passwd', 'etc', '--json');
    expect([code, stdout]).toEqual([3, 'root\n']);
    expect(JSON.parse(stderr)).toMatchObject({
      code: 'PATH_NOT_FOUND',
      message: `looking for "etc" in ${upper}: found a folder, wanted a regular file`,
      hint: `osv-convert ls ${layer} /etc`,
    });
  });
});

describe('osv-convert tree', () => {
  const drawn = async (subject: string, path: string, options: Parameters<typeof treeText>[1]) =>
    await seen(subject, (view) => treeText(requirePath(view, path), options));
  const nested = async (subject: string, path: string, options: Parameters<typeof treeJson>[2]) =>
    await checked(
      'tree',
      await seen(subject, (view) => treeJson(view, requirePath(view, path), options)),
    );

  it('draws what is below a folder and counts it', async () => {
    const text = await ok('tree', name);
    expect(text).toBe(
      [
        '/',
        '├── dev',
        '│   └── null',
        '├── etc',
        '│   └── passwd',
        '├── lib -> usr/lib',
        '├── usr',
        '│   └── lib',
        '│       ├── a.so',
        '│       └── b.so',
        '└── \\xff\\x0a\\x1b[31m',
        '',
        '4 directories, 6 files',
        '',
      ].join('\n'),
    );
    expect(await drawn(name, '/', { du: false })).toBe(text);
    expect(await drawn(disk, '/current', { du: false })).toBe(
      '/app/one\n\n0 directories, 1 file\n',
    );
  });

  it('draws folders only, to a depth, with the bytes below them, when told so', async () => {
    const text = [
      '[  3.0 MiB]  /',
      '├── [      0 B]  dev',
      '├── [      5 B]  etc',
      '└── [  3.0 MiB]  usr',
      '',
      '3.0 MiB used in 3 directories',
      '',
    ].join('\n');
    expect(await ok('tree', name, '-d', '--du', '-L', '1')).toBe(text);
  });

  it('nests folders by its schema when it prints JSON', async () => {
    const file = { kind: 'file', size: library.length };
    const entries = [
      { name: 'a.so', ...file },
      { name: 'b.so', ...file },
    ];
    const lib = { name: 'lib', kind: 'directory', size: library.length, entries };
    expect(await checked('tree', await ok('tree', name, 'usr', '--du', '--json'))).toEqual({
      ...{ name, kind: 'image', directories: 1, files: 2 },
      tree: { name: '/usr', kind: 'directory', size: library.length, entries: [lib] },
    });
    const flat = await nested(name, '/', { du: false, level: 1 });
    expect(flat.tree.entries[1]).toEqual({ name: 'etc', kind: 'directory' });
    expect(await nested(disk, '/', { du: false })).toMatchObject({ directories: 1, files: 3 });
    expect(await nested(name, 'etc/passwd', { du: true })).toMatchObject({ files: 1 });
  });

  it('refuses a level of nothing', async () => {
    expect((await run('tree', name, '-L', '0')).code).toBe(2);
  });
});

describe('osv-convert stat', () => {
  const described = async (subject: string, ...paths: readonly string[]) =>
    await seen(subject, (view) => describePaths(view, paths).map(descriptionText));

  it('tells all that is known of a file', async () => {
    const text = await ok('stat', name, 'etc/passwd', '/lib/a.so', 'lib', 'dev/null');
    expect(text.split('\n\n')).toEqual([
      expect.stringMatching(
        /^path {5}\/etc\/passwd\nkind {5}file\nmode {5}4640 -rwSr-----\nowner {4}7:42\nmtime {4}1970-01-01T00:00:00Z\nlinks {4}1\nsize {5}5 bytes\ndigest {3}sha256:.{64}\nlayer {4}sha256:.{64}\noffset {3}\d+\nxattr {4}user\.note YQo= "a\\x0a"$/,
      ),
      expect.stringMatching(/\nlinks {4}2\nname {5}\/usr\/lib\/a.so\nname {5}\/usr\/lib\/b.so\n/),
      expect.stringMatching(/\ntarget {3}usr\/lib\nleads to \/usr\/lib \(directory\)\n/),
      expect.stringMatching(/\nkind {5}character device 1, 3\nmode /),
    ]);
  });

  it('tells what a layer hides, and the digest of a file on a disk', async () => {
    expect(await described(layer, 'old')).toContain('(hides what lower layers have here)');
    expect(await described(layer, 'etc')).toContain('xattr    trusted.overlay.opaque eQ== "y"\n');
    expect(await described(disk, '/app/one')).toMatch(
      /^path {5}\/app\/one\nkind {5}file\nlinks {4}2\nname .*\nname .*\nsize {5}7 bytes\ndigest {3}sha256:.*\noffset {3}512\n$/,
    );
  });

  it('tells it by its schema when it prints JSON', async () => {
    const [folder] = (await checked('stat', await ok('stat', '-L', name, 'lib', '--json'))).nodes;
    expect(folder).toMatchObject({ path: '/usr/lib', entries: 2 });
    for (const subject of [name, layer, disk]) {
      const text = await seen(subject, (view) => {
        const all = [...find(view, ['/'], {}, { linksOf: () => 1 })].map(({ path }) => path);
        return jsonList({ name, kind: view.kind }, 'nodes', describePaths(view, all));
      });
      expect((await checked('stat', text)).nodes.length).toBeGreaterThan(3);
    }
  });
});

describe('once', () => {
  it('refuses a second value of an option', () => {
    const read = once(Number);
    expect(read('1')).toBe(1);
    expect(() => read('2', 1)).toThrow('wanted it once');
  });
});

describe('inPieces', () => {
  it('keeps all of the text when it is more than a piece', () => {
    const lines = Array.from({ length: 50_000 }, (_, i) => `line ${i}\n`);
    const pieces = [...inPieces(lines)];
    expect(pieces.length).toBeGreaterThan(5);
    expect(pieces.join('')).toBe(lines.join(''));
    expect([...inPieces([])]).toEqual([]);
  });
});
