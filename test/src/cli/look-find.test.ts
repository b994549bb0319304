import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  parseCountRange,
  parseDepth,
  parseDigestStart,
  parsePerm,
  parseSizeRange,
  parseTime,
  parseTypes,
} from '../../../src/cli/find-options.ts';
import { foundBytes, foundJson, foundText } from '../../../src/cli/found-nodes.ts';
import { find } from '../../../src/look/find.ts';
import { createLinkCount } from '../../../src/look/link-count.ts';
import type { View } from '../../../src/look/view.ts';
import { encodeName } from '../../../store/index.ts';
import { top } from '../../support/top.ts';
import { checked, disk, folder, hostile, layer, name, ok, run, seen, time } from './looked.ts';

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
