import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import { descriptionText } from '../../../src/cli/description.ts';
import { treeJson, treeText } from '../../../src/cli/drawn-tree.ts';
import {
  once,
  parseCountRange,
  parseDepth,
  parseDigestStart,
  parsePerm,
  parseSizeRange,
  parseTime,
  parseTypes,
} from '../../../src/cli/find-options.ts';
import { foundBytes, foundJson, foundText } from '../../../src/cli/found-nodes.ts';
import { listingJson, listingText } from '../../../src/cli/listing.ts';
import { inPieces, jsonList } from '../../../src/cli/pieces.ts';
import { find } from '../../../src/look/find.ts';
import { requirePath } from '../../../src/look/found.ts';
import { createLinkCount } from '../../../src/look/link-count.ts';
import { listPaths } from '../../../src/look/list.ts';
import { describePaths } from '../../../src/look/stat.ts';
import { type View, withView } from '../../../src/look/view.ts';
import { planRofs } from '../../../src/rofs/plan.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import type { Node } from '../../../src/tree/tree.ts';
import { decodeName, encodeName, openStore } from '../../../store/index.ts';
import { type CliResult, runCli } from '../../support/cli.ts';
import { buildImage } from '../../support/image.ts';
import * as item from '../../support/layers.ts';
import { writeLayout } from '../../support/layout.ts';
import { top } from '../../support/top.ts';
import { imageOf } from '../rofs/image.ts';

const hostile = `${decodeName(Buffer.of(0xff))}\n\x1b[31m`;
const time = 1_700_000_000;
const library = 'x'.repeat(3 * 2 ** 20 + 1);
const image = buildImage({
  layers: [
    [
      item.directory('etc', { mtime: time + 0.25 }),
      item.file('etc/hosts', 'localhost\n'),
      item.file('old', 'old'),
      item.directory('usr'),
      item.directory('usr/lib'),
      item.file('usr/lib/a.so', library, { mode: 0o755, mtime: time }),
      item.hardlink('usr/lib/b.so', 'usr/lib/a.so'),
      item.symlink('lib', 'usr/lib'),
      item.special('dev/null', 'character', 1, 3),
    ],
    [
      item.whiteout('old'),
      item.opaque('etc'),
      item.file('etc/passwd', 'root\n', {
        ...{ mode: 0o4640, uid: 7, gid: 42 },
        xattrs: { 'user.note': Buffer.from('a\n').toString('base64') },
      }),
      item.file(hostile, 'hostile\n'),
    ],
  ],
});
const upper = image.layers[1]?.diffID ?? '';
const layer = `layer:${upper.slice('sha256:'.length, 'sha256:'.length + 12)}`;
const name = 'localhost/layout:it';

let folder = '';
let disk = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-look-'));
  await writeLayout(join(folder, 'layout'), 'it', image);
  expect((await run('pull', `oci:${join(folder, 'layout')}:it`)).code).toBe(0);
  disk = join(folder, 'app.rofs');
  const shared = fileOfBytes(Buffer.from('shared\n'));
  const app = new Map<string, Node>([
    ['one', shared],
    ['two', shared],
  ]);
  const entries = new Map<string, Node>([
    ['app', directory(app)],
    ['current', symlink('app/one')],
  ]);
  await writeFile(disk, imageOf(planRofs({ root: directory(entries) })));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function run(...args: readonly string[]): Promise<CliResult> {
  return await runCli([...args, '--quiet'], { env: { OSV_CONVERT_STORE: join(folder, 'store') } });
}

/** What a command prints that must succeed. */
async function ok(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout;
}

/** What a command would print of a subject, without a process of its own. */
async function seen(subject: string, print: (view: View) => Iterable<string>): Promise<string> {
  const store = await openStore(join(folder, 'store'));
  try {
    return await withView(store, subject, { offline: true }, async (view) =>
      [...print(view)].join(''),
    );
  } finally {
    await store.close();
  }
}

/** JSON that satisfies its schema. */
async function checked(schema: string, text: string) {
  const value = JSON.parse(text);
  const validate = await createValidator(schema);
  expect(validate(value)).toBeUndefined();
  return value;
}

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

describe('osv-convert find', () => {
  const found = (view: View, glob?: string) =>
    find(view, ['/'], glob === undefined ? {} : { name: glob }, { linksOf: () => 1 });

  it('finds what meets all that is asked', async () => {
    const criteria = ['--perm', '-0555', '--links', '2', '--name', '*.so', '--size', '+1M'];
    const text = await ok('find', name, 'lib', 'etc', ...criteria, '--max-depth', '1', '-l');
    const line = '-rwxr-xr-x   2     0     0     3145729 2023-11-14 22:13Z /usr/lib/';
    expect(text).toBe(`${line}a.so\n${line}b.so\n`);
  });

  it('prints bytes as they are and a NUL after each path with -0', async () => {
    const bytes = execFileSync(
      process.execPath,
      [join(top, 'dist/bin/osv-convert.cjs'), 'find', name, '--name', '?*\\[*', '-0', '--quiet'],
      { env: { ...process.env, OSV_CONVERT_STORE: join(folder, 'store') } },
    );
    const expected = Buffer.concat([Buffer.from('/'), encodeName(hostile), Buffer.of(0)]);
    expect(bytes).toEqual(expected);
    await seen(name, (view) => {
      const parts = [...foundBytes(found(view))];
      expect(Buffer.concat(parts).subarray(-expected.length)).toEqual(expected);
      return [];
    });
  });

  it('prints a path a line, and of a disk the columns that it has', async () => {
    const linksOf = () => 1;
    expect(await seen(disk, (view) => foundText(view, found(view), { long: false, linksOf }))).toBe(
      '/\n/app\n/app/one\n/app/two\n/current\n',
    );
    expect(
      await seen(disk, (view) => foundText(view, found(view, 'one'), { long: true, linksOf })),
    ).toBe('-           7 /app/one\n');
  });

  it('tells it by its schema when it prints JSON', async () => {
    const printed = await ok('find', name, '--type', 'l', '--json');
    expect((await checked('nodes', printed)).nodes).toEqual([
      expect.objectContaining({ path: '/lib', kind: 'symlink', target: 'usr/lib', size: 7 }),
    ]);
    for (const subject of [name, layer, disk]) {
      const text = await seen(subject, (view) =>
        foundJson(view, found(view), createLinkCount(view.tree)),
      );
      expect((await checked('nodes', text)).nodes.length).toBeGreaterThan(3);
    }
    const none = await seen(name, (view) => foundJson(view, found(view, 'none'), () => 1));
    expect((await checked('nodes', none)).nodes).toEqual([]);
  });

  it('finds the files of a disk by the digest of their bytes', async () => {
    const [{ digest }] = JSON.parse(await ok('stat', disk, '/app/one', '--json')).nodes;
    expect(await ok('find', disk, '--digest', digest)).toBe('/app/one\n/app/two\n');
  });

  it.each([
    ['--type', 'x'],
    ['-0', '--json'],
    ['--perm', '/6000'],
  ])('refuses %s %s', async (option, value) => {
    const { code, stderr } = await run('find', disk, option, value);
    expect(code).toBe(2);
    expect(stderr).toMatch(/wanted some of f,d|--json, wanted one of them|found --perm/);
  });

  it('ends well when its reader has seen enough', () => {
    const words = [
      process.execPath,
      join(top, 'dist/bin/osv-convert.cjs'),
      'find',
      name,
      '--quiet',
    ];
    const script = 'set -o pipefail; "$@" | head -1';
    const text = execFileSync('bash', ['-c', script, 'bash', ...words], {
      env: { ...process.env, OSV_CONVERT_STORE: join(folder, 'store') },
    });
    expect(text.toString()).toBe('/\n');
  });
});

describe('the options of find', () => {
  const more = Number.POSITIVE_INFINITY;
  const readers = {
    parseTypes,
    parseCountRange,
    parseSizeRange,
    parsePerm,
    parseTime,
    parseDigestStart,
    parseDepth,
  };

  it.each([
    ['parseTypes', 'f, d', ['f', 'd']],
    ['parseCountRange', '7', { least: 7, most: 7 }],
    ['parseCountRange', '+7', { least: 8, most: more }],
    ['parseCountRange', '-7', { least: 0, most: 6 }],
    ['parseSizeRange', '12c', { least: 12, most: 12 }],
    ['parseSizeRange', '+1M', { least: 2 ** 20 + 1, most: more }],
    ['parseSizeRange', '-1.5k', { least: 0, most: 1535 }],
    ['parsePerm', '644', { want: 'exactly', bits: 0o644 }],
    ['parsePerm', '-2000', { want: 'all', bits: 0o2000 }],
    ['parsePerm', '/6000', { want: 'any', bits: 0o6000 }],
    ['parseTime', '@-1.5', -1.5],
    ['parseTime', '2023-11-14', 1_699_920_000],
    ['parseTime', '2023-11-14 22:13', time - 20],
    ['parseTime', '2023-11-14T22:13:20Z', time],
    ['parseDigestStart', 'AB', 'sha256:ab'],
    ['parseDigestStart', 'sha256:0', 'sha256:0'],
    ['parseDepth', '0', 0],
  ] as const)('%s reads %j', (reader, text, value) => {
    expect(readers[reader](text)).toEqual(value);
  });

  it.each([
    ['parseTypes', 'f,x', 'f,d,l,c,b,p'],
    ['parseTypes', '', 'f,d,l,c,b,p'],
    ['parseCountRange', 'root', '+N for more'],
    ['parseCountRange', '+', '+N for more'],
    ['parseSizeRange', '1x', 'wanted a size such as'],
    ['parseSizeRange', '+', 'wanted a size such as'],
    ['parsePerm', '888', 'octal'],
    ['parsePerm', 'u+s', 'octal'],
    ['parseTime', 'yesterday', '2025-01-31'],
    ['parseTime', '2025-13-31', '2025-01-31'],
    ['parseTime', '2025-02-29', '2025-01-31'],
    ['parseTime', '2024-02-30T10:00', '2025-01-31'],
    ['parseDigestStart', 'md5:00', 'sha256:HEX'],
    ['parseDigestStart', 'a'.repeat(65), 'sha256:HEX'],
    ['parseDepth', '-1', 'from 0 on'],
  ] as const)('%s refuses %j', (reader, text, says) => {
    expect(() => readers[reader](text)).toThrow(says);
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
