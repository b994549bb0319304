import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Criteria } from '../../../src/look/criteria.ts';
import { find } from '../../../src/look/find.ts';
import { compileGlob } from '../../../src/look/glob.ts';
import { createLinkCount } from '../../../src/look/link-count.ts';
import type { View } from '../../../src/look/view.ts';
import { compareNames, decodeName, digestOf } from '../../../store/index.ts';
import * as item from '../../support/layers.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { diskOf, viewOf } from './view-of.ts';

const folder = temporaryFolder('find');

function gnuFind(...args: readonly string[]): readonly string[] {
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
  const bytes = execFileSync('find', args, { env, stdio: ['ignore', 'pipe', 'ignore'] });
  return decodeName(bytes).split('\0').slice(0, -1);
}

function found(view: View, criteria: Criteria, paths = ['/'], maxDepth?: number): string[] {
  const linksOf = createLinkCount(view.tree);
  const how = { linksOf, ...(maxDepth !== undefined && { maxDepth }) };
  return [...find(view, paths, criteria, how)].map(({ path }) => path);
}

describe('compileGlob', () => {
  test.each([
    ['*.so', 'libc.so', true],
    ['*.so', 'libc.so.6', false],
    ['*.so', '.so', true],
    ['*', '', true],
    ['', '', true],
    ['?', '', false],
    ['a*b*c', 'a/b/b-c', true],
    ['/usr/*.so', '/usr/lib/x/y.so', true],
    ['?', '\u{1f600}', true],
    ['??', '\u{1f600}', false],
    ['?', decodeName(Buffer.of(0xff)), true],
    ['[à-ü]', 'é', true],
    ['[\u{1f600}]', '\u{1f600}', true],
    ['[!\u{1f600}]', '\u{1f600}', false],
    ['[[:upper:][:digit:]]x', '7x', true],
    ['[[:upper:]]x', 'ax', false],
    ['[[:none:]]', 'n', false],
    ['[]]', ']', true],
    ['[!]]', ']', false],
    ['[a-]', '-', true],
    ['[z-a]', 'm', false],
    ['[ab', '[ab', true],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['a\\', 'a\\', false],
    ['a\\', 'a', false],
  ])('%j tells of %j: %s', (pattern, name, expected) => {
    expect(compileGlob(pattern)(name)).toBe(expected);
  });

  test('decides as find(1) does for any pattern and name of ASCII', () => {
    const letters = ['a', 'b', 'c', '-', ']', '!', '^', '\\', '[', '*', '?'];
    const word = (most: number) =>
      fc.array(fc.constantFrom(...letters), { minLength: 1, maxLength: most });
    const [names = []] = fc.sample(fc.uniqueArray(word(4), { minLength: 150, maxLength: 150 }), {
      numRuns: 1,
      seed: 7,
    });
    const patterns = fc.sample(word(7), { numRuns: 2000, seed: 8 }).map((one) => one.join(''));
    const files = names.map((name) => name.join(''));
    const place = join(folder, 'globs');
    execFileSync('mkdir', [place]);
    for (const name of files) writeFileSync(join(place, name), '');

    const tests = patterns.flatMap((pattern, at) => [
      ...(at === 0 ? [] : [',']),
      ...['-name', pattern, '-printf', `${at} %f\\0`],
    ]);
    const theirs = gnuFind(place, '-mindepth', '1', '(', ...tests, ')');
    const ours = patterns.flatMap((pattern, at) => {
      const matches = compileGlob(pattern);
      return files.filter(matches).map((name) => `${at} ${name}`);
    });
    const told = (line: string): string => {
      const [at = '', name] = line.split(' ');
      return `${JSON.stringify(patterns[Number(at)])} matches ${name}`;
    };
    const known = new Set(theirs);
    const own = new Set(ours);
    expect(ours.filter((line) => !known.has(line)).map(told)).toEqual([]);
    expect(theirs.filter((line) => !own.has(line)).map(told)).toEqual([]);
    expect(theirs.length).toBeGreaterThan(1000);
  });

  test('takes no time that grows with the number of stars when a name is made to cost most', () => {
    const matches = compileGlob(`${'*a'.repeat(40)}*b`);
    expect(matches('a'.repeat(4095))).toBe(false);
    expect(matches(`${'a'.repeat(4094)}b`)).toBe(true);
  });
});

describe('find', () => {
  const note = Buffer.from('note').toString('base64');
  const members = [
    item.directory('app', { mtime: 1_700_000_000 }),
    item.file('app/web.dll', 'x'.repeat(5000), { mtime: 1_700_000_000.5, mode: 0o755 }),
    item.file('app/web.pdb', 'x'.repeat(1024), { mtime: 1_600_000_000 }),
    item.file('app/Web.json', '', { mode: 0o600 }),
    item.hardlink('app/again.dll', 'app/web.dll'),
    item.directory('app/empty'),
    item.symlink('app/current', 'web.dll'),
    item.symlink('bin', 'usr/bin'),
    item.directory('usr'),
    item.directory('usr/bin', { mode: 0o2755 }),
    item.file('usr/bin/su', 'su', { mode: 0o4755 }),
    item.file('usr/bin/wall', 'wall', { mode: 0o2711 }),
    item.directory('run'),
    item.special('run/pipe', 'fifo'),
    item.directory('tmp', { mode: 0o1777 }),
    item.directory('.hidden'),
    item.file('.hidden/é\n', 'x', { mode: 0o444 }),
  ];
  const view = viewOf(
    ...members,
    item.special('dev/null', 'character', 1, 3),
    item.special('dev/sda', 'block', 8, 0),
    item.file('etc/shadow', 'secret', { uid: 7, gid: 42, xattrs: { 'user.note': note } }),
  );

  const exactly = (number: number) => ({ least: number, most: number });
  const above = (number: number) => ({ least: number + 1, most: Number.POSITIVE_INFINITY });
  const below = (number: number) => ({ least: 0, most: number - 1 });
  const perm = (want: 'exactly' | 'all' | 'any', bits: number): Criteria => ({
    perm: { want, bits },
  });

  // Sizes of folders differ from one file system to another: here they have none.
  const cases: readonly [string, Criteria, readonly string[]][] = [
    ['everything', {}, []],
    ['a name', { name: 'web.*' }, ['-name', 'web.*']],
    ['any name', { name: '*' }, ['-name', '*']],
    ['a path', { path: '*/a*/*e*' }, ['-path', '*/a*/*e*']],
    ['files', { type: ['f'] }, ['-type', 'f']],
    ['folders and links', { type: ['d', 'l'] }, ['-type', 'd,l']],
    ['pipes', { type: ['p'] }, ['-type', 'p']],
    ['a size', { size: exactly(1024) }, ['-size', '1024c', '!', '-type', 'd']],
    ['larger ones', { size: above(7) }, ['-size', '+7c', '!', '-type', 'd']],
    ['smaller ones', { size: below(7), type: ['f', 'l'] }, ['-size', '-7c', '-type', 'f,l']],
    ['what is empty', { empty: true }, ['-empty']],
    ['a mode', perm('exactly', 0o755), ['-perm', '755']],
    ['all bits of a mode', perm('all', 0o2011), ['-perm', '-2011']],
    ['any bit of a mode', perm('any', 0o6000), ['-perm', '/6000']],
    ['any bit of none', perm('any', 0), ['-perm', '/0']],
    ['two names', { links: exactly(2), type: ['f'] }, ['-links', '2', '-type', 'f']],
    ['newer ones', { newerThan: 1_700_000_000 }, ['-newermt', '@1700000000']],
    ['older ones', { olderThan: 1_600_000_001 }, ['!', '-newermt', '@1600000000.9']],
    ['two at once', { name: '*e*', ...perm('any', 0o4111) }, ['-name', '*e*', '-perm', '/4111']],
  ];

  beforeAll(() => {
    const place = join(folder, 'tree');
    execFileSync('mkdir', [place]);
    const tar = item.layerTar(members);
    execFileSync('tar', ['-xpf', '-', '-C', place, '--no-same-owner'], { input: tar });
  });

  test.each(cases)('finds what find(1) finds when asked for %s', (_what, criteria, args) => {
    const place = join(folder, 'tree');
    const theirs = gnuFind(place, '-mindepth', '1', ...args, '-printf', '/%P\\0');
    const ours = found(viewOf(...members), criteria).filter((path) => path !== '/');
    expect(ours).toEqual([...theirs].sort(byWalk));
    expect(ours).not.toEqual([]);
  });

  test('tells of each node what find(1) tells', () => {
    const place = join(folder, 'tree');
    const linksOf = createLinkCount(viewOf(...members).tree);
    const format = '%P\\0%y\\0%m\\0%s\\0%n\\0%l\\0%T@\\0';
    const fields = gnuFind(place, '-mindepth', '1', '-printf', format);
    const theirs = new Map<string, readonly string[]>();
    for (let at = 0; at < fields.length; at += 7) {
      theirs.set(`/${fields[at]}`, fields.slice(at + 1, at + 7));
    }
    const ours = viewOf(...members);
    let compared = 0;
    for (const { path, node } of find(ours, ['/'], {}, { linksOf: createLinkCount(ours.tree) })) {
      if (path === '/') continue;
      const [type, mode, size, links, target, time] = theirs.get(path) ?? [];
      expect({ path, type, mode: Number.parseInt(mode ?? '', 8) }).toEqual({
        path,
        type: { file: 'f', directory: 'd', symlink: 'l', special: 'p' }[node.kind],
        mode: node.mode,
      });
      if (node.kind === 'file') {
        expect(Number(size)).toBe(node.content.size);
        expect(Number(links)).toBe(node.content.size === 5000 ? 2 : 1);
      }
      if (node.kind === 'symlink') expect(target).toBe(node.target);
      expect(Number(time)).toBe(node.mtime);
      compared += 1;
    }
    expect(compared).toBe(theirs.size);
    expect(linksOf(ours.tree.root)).toBe(7);
  });

  test('finds devices, owners, attributes and digests when asked for them', () => {
    expect(found(view, { type: ['c', 'b'] })).toEqual(['/dev/null', '/dev/sda']);
    expect(found(view, { uid: exactly(7) })).toEqual(['/etc/shadow']);
    expect(found(view, { gid: above(0) })).toEqual(['/etc/shadow']);
    expect(found(view, { xattr: 'user.*' })).toEqual(['/etc/shadow']);
    const digest = digestOf(Buffer.from('secret'));
    expect(found(view, { digest })).toEqual(['/etc/shadow']);
    expect(found(view, { digest: digest.slice(0, 13) })).toEqual(['/etc/shadow']);
  });

  test('takes patterns of names as they are printed', () => {
    const xattrs = { 'user.\u009b': '' };
    const odd = viewOf(item.file(`${decodeName(Buffer.of(0xff))}a/b\n`, '', { xattrs }));
    const path = `/${decodeName(Buffer.of(0xff))}a/b\n`;
    expect(found(odd, { name: 'b\\x0a' })).toEqual([path]);
    expect(found(odd, { path: '/\\xff*\\u000a' })).toEqual([path]);
    expect(found(odd, { xattr: 'user.\\u009b' })).toEqual([path]);
  });

  test('starts at each path, through links, and goes as deep as told', () => {
    expect(found(view, {}, ['bin', '/app/empty'])).toEqual([
      '/usr/bin',
      '/usr/bin/su',
      '/usr/bin/wall',
      '/app/empty',
    ]);
    expect(found(view, { type: ['f'] }, ['/'], 1)).toEqual([]);
    expect(found(view, {}, ['/usr'], 0)).toEqual(['/usr']);
    expect(found(view, { name: '/' })).toEqual(['/']);
  });

  test('finds nothing before it knows that all paths are there', () => {
    const paths = find(view, ['/app', '/nowhere'], {}, { linksOf: () => 1 });
    expect(() => paths.next()).toThrow(expect.objectContaining({ code: 'PATH_NOT_FOUND' }));
  });

  test.each([
    ['--perm', perm('any', 0o6000)],
    ['--uid', { uid: exactly(0) }],
    ['--newer-than', { newerThan: 0 }],
    ['--xattr', { xattr: '*' }],
  ] as const)('refuses %s when a disk has no attributes', (option, criteria) => {
    expect(() => found(diskOf(...members), criteria)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(option) }),
    );
    expect(found(diskOf(...members), { size: exactly(5000) })).toHaveLength(2);
  });
});

/** A folder before what it holds, names by their bytes. */
function byWalk(a: string, b: string): number {
  const [left, right] = [a.split('/'), b.split('/')];
  const at = left.findIndex((name, index) => name !== right[index]);
  const [one, other] = [left[at], right[at]];
  if (at < 0 || one === undefined || other === undefined) return left.length - right.length;
  return compareNames(one, other);
}
