import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { errorCodeOf } from '../../../src/error.ts';
import { dumpRofs } from '../../../src/rofs/dump.ts';
import { fsckRofs, type RofsFinding } from '../../../src/rofs/fsck.ts';
import { planRofs, type RofsPlan } from '../../../src/rofs/plan.ts';
import { readRofs } from '../../../src/rofs/read.ts';
import { type RofsRule, rofsRules } from '../../../src/rofs/rules.ts';
import { rofsTotals } from '../../../src/rofs/totals.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import type { DirectoryNode, Node, Tree } from '../../../src/tree/tree.ts';
import { accessOf, imageOf, planWith } from './image.ts';

function treeOf(entries: Readonly<Record<string, Node>>): Tree {
  return { root: folderOf(entries) };
}

function folderOf(entries: Readonly<Record<string, Node>>): DirectoryNode {
  return directory(new Map(Object.entries(entries)));
}

function textOf(length: number, letter: string): Node {
  return fileOfBytes(Buffer.alloc(length, letter));
}

const plan = planRofs(
  treeOf({
    big: textOf(1100, 'b'),
    copy: textOf(1100, 'b'),
    d: folderOf({ e: folderOf({ deep: folderOf({}) }), f: textOf(3, 'f') }),
    empty: textOf(0, ''),
    last: textOf(512, 'l'),
    link: symlink('/d/f'),
  }),
);
// Blocks 1 to 3 are those of big and copy, 4 those of f, 5 those of last.
const image = imageOf(plan);
const [big, copy, d, e, deep, f, , last, link] = [2, 3, 4, 5, 6, 7, 8, 9, 10] as const;
const info = 6 * 512;
const records = { entry: entryOffsets(plan), inode: inodeOffsets(plan), symlink: 0 };
records.symlink = (records.inode[0] ?? 0) - 2 - '/d/f'.length;

function entryOffsets({ entries }: RofsPlan): number[] {
  let at = info;
  return entries.map(({ name }) => {
    at += 10 + name.length;
    return at - 10 - name.length;
  });
}

function inodeOffsets({ superblock, entries, symlinks, inodes }: RofsPlan): number[] {
  const names = [
    ...entries.map(({ name }) => name.length + 10),
    ...symlinks.map((s) => s.length + 2),
  ];
  const start = superblock.infoFirstBlock * 512 + names.reduce((sum, size) => sum + size, 0);
  return inodes.map((_, at) => start + at * 32);
}

function fsck(bytes: Buffer, size = bytes.length): readonly RofsFinding[] {
  const access = accessOf(bytes);
  return fsckRofs({
    size,
    read: (offset, length) => {
      const found = access.read(offset, Math.min(length, size - offset));
      return Buffer.concat([
        found,
        Buffer.alloc(Math.max(0, Math.min(length, size - offset) - found.length)),
      ]);
    },
  });
}

function rulesOf(findings: readonly RofsFinding[]): readonly string[] {
  return [...new Set(findings.map(({ rule }) => rule))];
}

/** The image with 64 bits at `offset` set to `value`. */
function set(offset: number, value: number | bigint, base = image): Buffer {
  const bytes = Buffer.from(base);
  bytes.writeBigUInt64LE(BigInt(value), offset);
  return bytes;
}

function fill(offset: number, ...values: number[]): Buffer {
  const bytes = Buffer.from(image);
  bytes.set(values, offset);
  return bytes;
}

/** A field of the record of inode `number`. */
function field(number: number, name: 'mode' | 'number' | 'start' | 'count'): number {
  return (records.inode[number - 1] ?? 0) + ['mode', 'number', 'start', 'count'].indexOf(name) * 8;
}

/** The image with another name for inode `number`. */
function renamed(number: number, name: string): Buffer {
  const entries = plan.entries.map((entry) =>
    entry.inode === number ? { ...entry, name: Buffer.from(name) } : entry,
  );
  return imageOf(planWith(plan, { entries }));
}

function retargeted(target: string): Buffer {
  return imageOf(planWith(plan, { symlinks: [Buffer.from(target)] }));
}

/** The image with the entry of inode `from` naming inode `to`. */
function pointed(from: number, to: number | bigint): Buffer {
  return set(records.entry[plan.entries.findIndex(({ inode }) => inode === from)] ?? 0, to);
}

function withInode(number: number, change: Partial<RofsPlan['inodes'][number]>): Buffer {
  const inodes = plan.inodes.map((inode) =>
    inode.number === number ? { ...inode, ...change } : inode,
  );
  return imageOf(planWith(plan, { inodes }));
}

/** Folders one in another, 4,200 bytes of them in all. */
function tooDeep(): Buffer {
  const name = Buffer.alloc(200, 'n');
  const inodes = Array.from({ length: 22 }, (_, at) => {
    return { kind: 'directory', number: at + 1, start: at, count: at === 21 ? 0 : 1 } as const;
  });
  const entries = inodes.slice(1).map(({ number }) => ({ inode: number, name }));
  return imageOf(planWith(planRofs(treeOf({})), { entries, inodes }));
}

function chained(length: number): Buffer {
  const links = Array.from({ length }, (_, at): [string, Node] => [
    `l${at}`,
    symlink(`/l${at + 1}`),
  ]);
  return imageOf(
    planRofs(treeOf({ ...Object.fromEntries(links), [`l${length}`]: textOf(1, 'x') })),
  );
}

interface Seeded {
  readonly bytes: Buffer;
  /** Of the whole file, where that is more than `bytes`: the rest are zeros. */
  readonly size?: number;
}

/** One corruption for each rule: the type wants all of them. */
const seeds: Readonly<Record<RofsRule, Seeded>> = {
  'superblock-size': { bytes: image.subarray(0, 100) },
  magic: { bytes: set(0, 0xdeadbeef) },
  version: { bytes: set(8, 2) },
  'block-size': { bytes: set(16, 4096) },
  'info-start': { bytes: set(24, 0) },
  'info-count': { bytes: set(32, 0) },
  'info-bounds': { bytes: set(24, 2n ** 63n) },
  'info-size': { bytes: set(32, 2 ** 21), size: 2 ** 40 },
  'record-counts': { bytes: set(40, 2n ** 64n - 1n) },
  'inode-limit': { bytes: set(56, 2 ** 31) },
  'entry-cut': { bytes: fill((records.entry[0] ?? 0) + 8, 0xff, 0xff) },
  'symlink-cut': { bytes: fill(records.symlink, 0xff, 0xff) },
  'inode-cut': { bytes: fill(records.symlink, 0x04, 0x01) },
  'info-padding': { bytes: fill(image.length - 1, 1) },
  trailing: { bytes: Buffer.concat([image, Buffer.alloc(511), Buffer.of(1)]) },
  'info-not-last': {
    bytes: set(field(last, 'start'), image.length / 512),
    size: image.length + 512,
  },
  'root-missing': { bytes: set(56, 0) },
  'root-kind': { bytes: set(field(1, 'mode'), 0x8000) },
  'inode-number': { bytes: set(field(last, 'number'), 1) },
  'inode-kind': { bytes: set(field(last, 'mode'), 0x2000) },
  'mode-bits': { bytes: set(field(last, 'mode'), 0x81ed) },
  'inode-orphan': { bytes: pointed(last, big) },
  'data-start': { bytes: set(field(last, 'start'), 0) },
  'data-bounds': { bytes: set(field(last, 'count'), 2n ** 40n) },
  'data-in-info': { bytes: set(field(last, 'count'), 513) },
  'data-overlap': { bytes: set(field(copy, 'start'), 2) },
  'data-padding': { bytes: fill(512 + 1100, 1) },
  'data-unused': { bytes: set(field(last, 'start'), 4) },
  'directory-bounds': { bytes: set(field(1, 'count'), 100) },
  'directory-overlap': { bytes: withInode(e, { start: 0, count: 3 }) },
  'directory-loop': { bytes: pointed(deep, d) },
  'directory-names': { bytes: pointed(last, deep) },
  'directory-stray': {
    bytes: set(
      records.entry[plan.entries.findIndex(({ inode }) => inode === d)] ?? 0,
      8,
      pointed(deep, d),
    ),
  },
  'entry-inode': { bytes: pointed(last, 99) },
  'entry-orphan': { bytes: set(field(1, 'count'), 5) },
  'name-empty': { bytes: renamed(last, '') },
  'name-dots': { bytes: renamed(last, '..') },
  'name-slash': { bytes: renamed(last, 'a/b') },
  'name-nul': { bytes: renamed(last, 'a\0b') },
  'name-twice': { bytes: renamed(last, 'big') },
  'symlink-bounds': { bytes: set(field(link, 'start'), 1) },
  'symlink-count': { bytes: set(field(link, 'count'), 2) },
  'symlink-empty': { bytes: retargeted('') },
  'symlink-nul': { bytes: retargeted('/d\0f') },
  'symlink-orphan': { bytes: set(field(link, 'mode'), 0x8000) },
  'name-length': { bytes: renamed(last, 'n'.repeat(256)) },
  'path-length': { bytes: tooDeep() },
  'target-length': { bytes: retargeted(`/${'t'.repeat(4095)}`) },
  'link-depth': { bytes: chained(20) },
  'root-link': { bytes: retargeted('d/f') },
  'info-memory': { bytes: manyNames() },
};

function manyNames(): Buffer {
  const name = Buffer.alloc(4000, 'n');
  const entries = Array.from({ length: 4200 }, () => ({ inode: 2, name }));
  const inodes = [
    { kind: 'directory', number: 1, start: 0, count: 4200 },
    { kind: 'file', number: 2, start: 0, count: 0 },
  ] as const;
  return imageOf(planWith(planRofs(treeOf({})), { entries, inodes }));
}

describe('fsckRofs', () => {
  test('finds nothing when the planner made the image', () => {
    expect(fsck(image)).toEqual([]);
    expect(fsck(imageOf(planRofs(treeOf({}))))).toEqual([]);
    expect(fsck(chained(19))).toEqual([]);
    expect(fsck(Buffer.concat([image, Buffer.alloc(4096)]))).toEqual([]);
  });

  test('finds nothing but blocks that are not shared when the layout is that of upstream', () => {
    const tree = treeOf({ z: textOf(3, 'a'), a: textOf(3, 'a'), l: symlink('/z') });
    expect(fsck(imageOf(planRofs(tree, { layout: 'upstream' })))).toEqual([]);
  });

  test.each(Object.entries(seeds))(
    'finds %s when that is what is wrong',
    (rule, { bytes, size }) => {
      const findings = fsck(bytes, size ?? bytes.length);
      const found = findings.find((one) => one.rule === rule);
      expect(rulesOf(findings)).toContain(rule);
      expect(found).toMatchObject(rofsRules[rule as RofsRule]);
      expect(found?.text).toMatch(/^found .*wanted /);
    },
  );

  test('tells the place when one number is wrong', () => {
    expect(fsck(set(8, 2))).toMatchObject([{ rule: 'version', offset: 8 }]);
    expect(fsck(set(field(last, 'number'), 1))).toMatchObject([
      { rule: 'inode-number', offset: field(last, 'number'), text: 'found 1, wanted 9' },
    ]);
    expect(fsck(fill(512 + 1100, 1))).toMatchObject([{ rule: 'data-padding', offset: 512 + 1100 }]);
    expect(fsck(set(field(f, 'start'), 2n ** 64n - 1n))[0]?.text).toContain('block NaN');
  });

  test('tells twenty of a kind, and how many more there are', () => {
    const found = fsck(manyNames()).filter(({ rule }) => rule === 'name-twice');
    expect(found).toHaveLength(20);
    expect(found.map(({ more }) => more)).toEqual([...new Array<number>(19).fill(0), 4179]);
  });

  test('takes files for shared only when they begin and end at the same place', () => {
    expect(rulesOf(fsck(set(field(copy, 'count'), 1000)))).toContain('data-overlap');
    expect(rulesOf(fsck(set(field(f, 'start'), 3)))).toContain('data-overlap');
  });

  test('ends when links lead through one another without end', () => {
    const names = Array.from({ length: 3000 }, (_, at) => `l${at}`);
    const target = `/${'d/../'.repeat(800)}`;
    const links = names.map((name, at): [string, Node] => [
      name,
      symlink(`${target}l${(at + 1) % 3000}`),
    ]);
    const bytes = imageOf(planRofs(treeOf({ ...Object.fromEntries(links), d: folderOf({}) })));
    const found = fsck(bytes).filter(({ rule }) => rule === 'link-depth');
    expect(found.length).toBeGreaterThan(0);
  });

  test('ends, as all readers do, when any bytes are broken', () => {
    const change = fc.tuple(fc.nat(image.length - 1), fc.nat(255));
    const whole = fc.tuple(
      fc.integer({ min: 0, max: (image.length - info) / 8 - 1 }),
      fc.oneof(fc.bigInt(0n, 40n), fc.bigInt(0n, 2n ** 64n - 1n)),
    );
    let found = 0;
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 6 }),
        fc.array(whole, { maxLength: 3 }),
        (bytes, numbers) => {
          const broken = Buffer.from(image);
          for (const [at, value] of bytes)
            broken[at % 2 === 0 ? at % 64 : info + (at % 500)] = value;
          for (const [at, value] of numbers) broken.writeBigUInt64LE(value, info + at * 8);
          const findings = fsckRofs(accessOf(broken));
          found += findings.length > 0 ? 1 : 0;
          expect([...dumpRofs(accessOf(broken))].length).toBeLessThan(10_000);
          const isSound = !findings.some(({ severity }) => severity === 'error');
          try {
            readRofs(accessOf(broken));
            rofsTotals(accessOf(broken));
          } catch (error) {
            expect(errorCodeOf(error)).toBe('ROFS_INVALID');
            // What has no errors can be read.
            expect(isSound && !findings.some(({ rule }) => unread.has(rule))).toBe(false);
          }
        },
      ),
      { numRuns: 3000, seed: 4 },
    );
    expect(found).toBeGreaterThan(1000);
  });
});

/** Warnings about what the kernel takes, and `readRofs` does not. */
const unread: ReadonlySet<string> = new Set<RofsRule>(['info-not-last', 'path-length']);
