import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkRelocations } from '../../../src/check/relocations.ts';
import { machines } from '../../../src/elf/elf.ts';
import { readElf } from '../../../src/elf/read.ts';
import { readRelocations, relocationTypes } from '../../../src/elf/relocations.ts';
import { relocateRoot } from '../../../src/osv/relocate-root.ts';
import { judgeRelocations, patchedAccess } from '../../../src/osv/relocations.ts';
import type { SyncAccess } from '../../../src/tree/access.ts';
import { readFile } from '../../../src/tree/contents.ts';
import { editTree } from '../../../src/tree/edit.ts';
import { lookup } from '../../../src/tree/lookup.ts';
import { directory, fileOfBytes } from '../../../src/tree/nodes.ts';
import type { FileNode, Tree } from '../../../src/tree/tree.ts';
import { noContents } from '../dotnet/image-builder.ts';
import { buildElf, type ElfParts } from '../elf/elf-builder.ts';

/** R_AARCH64_RELATIVE, _ABS64, _JUMP_SLOT, _TLSDESC, _TLS_DTPMOD64. */
const [relative, abs64, jump, descriptor, module] = [1027, 257, 1026, 1031, 1029];

type Relocations = NonNullable<ElfParts['relocations']>;

/** As LLD links: descriptors among the others, and functions in a table behind. */
const byLld = { table: [relative, descriptor, abs64, descriptor], jumps: [jump, jump] };

const armElf = (relocations: Relocations, parts: ElfParts = {}): Uint8Array =>
  buildElf({ machine: machines.arm64, relocations, data: Buffer.from('data'), ...parts });

function accessOf(bytes: Uint8Array): SyncAccess {
  return { size: bytes.length, read: (at, length) => bytes.subarray(at, at + length) };
}

/** Types and numbers of the entries of both tables, as a loader finds them. */
function tablesOf(access: SyncAccess) {
  const elf = readElf(access);
  if (elf?.kind !== 'elf') throw new Error('no ELF file');
  const found = readRelocations(access, elf);
  if ('kind' in found) throw new Error(found.reason);
  const entriesOf = (bytes: Uint8Array = new Uint8Array()) =>
    relocationTypes(bytes).map((type, index) => [
      type,
      Buffer.from(bytes).readUInt32LE(24 * index + 16),
    ]);
  return { table: entriesOf(found.table?.bytes), jumps: entriesOf(found.jumps?.bytes) };
}

describe('judgeRelocations', () => {
  test('moves TLS descriptors behind the functions, and changes no entry', () => {
    const bytes = armElf(byLld);
    const verdict = judgeRelocations(accessOf(bytes));
    expect(verdict).toMatchObject({ moved: 2, unknown: [] });
    const mended = patchedAccess(accessOf(bytes), verdict?.patches ?? []);
    expect(tablesOf(mended)).toEqual({
      table: [
        [relative, 0],
        [abs64, 2],
      ],
      jumps: [
        [jump, 4],
        [jump, 5],
        [descriptor, 1],
        [descriptor, 3],
      ],
    });
    const whole = mended.read(0, mended.size);
    expect(whole.length).toBe(bytes.length);
    expect(Buffer.from(whole).includes('data')).toBe(true);
    expect(judgeRelocations(mended)).toMatchObject({ patches: [], moved: 0, unknown: [] });
  });

  test.each<[string, Relocations]>([
    ['GNU ld, with them among the functions', { table: [relative], jumps: [jump, descriptor] }],
    ['a linker of a library without them', { table: [relative, abs64], jumps: [jump] }],
    ['a linker of a library without any', {}],
  ])('changes nothing of a file by %s', (_linker, relocations) => {
    const verdict = judgeRelocations(accessOf(armElf(relocations)));
    expect(verdict).toMatchObject({ patches: [], moved: 0, unknown: [] });
  });

  test.each<[string, Relocations, readonly number[]]>([
    ['modules of thread-local data', { table: [module, relative], jumps: [jump] }, [module]],
    ['descriptors and no functions', { table: [descriptor] }, [descriptor]],
    ['descriptors far from the functions', { ...byLld, gap: 8 }, [descriptor]],
    ['another type among the functions', { table: [relative], jumps: [jump, abs64] }, [abs64]],
    ['descriptors that can be moved, and others', { ...byLld, jumps: [jump, module] }, [module]],
  ])('tells of what OSv does not know: %s', (_what, relocations, unknown) => {
    expect(judgeRelocations(accessOf(armElf(relocations)))).toMatchObject({ unknown });
  });

  test.each([
    ['another processor', buildElf({ relocations: byLld })],
    ['no ELF file', Buffer.from('#!/bin/sh')],
    ['a damaged file', armElf(byLld).subarray(0, 600)],
  ])('says nothing of %s', (_what, bytes) => {
    expect(judgeRelocations(accessOf(bytes))).toBeUndefined();
  });

  test('neither throws nor leaves the file, whatever its bytes are', () => {
    const sound = armElf(byLld);
    const changes = fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { maxLength: 8 });
    fc.assert(
      fc.property(changes, (all) => {
        const bytes = Uint8Array.from(sound);
        for (const [at, value] of all) bytes[at] = value;
        for (const { offset, bytes: patch } of judgeRelocations(accessOf(bytes))?.patches ?? []) {
          if (offset < 0 || offset + patch.length > bytes.length) return false;
        }
        return true;
      }),
      { seed: 7, numRuns: 500 },
    );
  });
});

test('patchedAccess reads every run as it is in the whole file', () => {
  const bytes = armElf(byLld);
  const mended = patchedAccess(accessOf(bytes), judgeRelocations(accessOf(bytes))?.patches ?? []);
  const whole = mended.read(0, mended.size);
  expect(Buffer.from(whole).equals(bytes)).toBe(false);
  for (let offset = 0; offset < bytes.length; offset += 37) {
    for (const length of [1, 24, 500, bytes.length]) {
      const wanted = whole.slice(offset, offset + length);
      expect(Buffer.compare(mended.read(offset, length), wanted)).toBe(0);
    }
  }
});

describe('relocateRoot', () => {
  const library = fileOfBytes(armElf(byLld));
  const stuck = fileOfBytes(armElf({ table: [module] }));
  const tree = editTree({ root: directory() }, [
    { op: 'set', path: '/app/libcoreclr.so', node: library },
    { op: 'set', path: '/app/libother.so.1.2', node: library },
    { op: 'set', path: '/app/run', node: fileOfBytes(armElf(byLld, { type: 2 })) },
    { op: 'set', path: '/app/stuck.so', node: stuck },
    { op: 'set', path: '/app/text', node: fileOfBytes(armElf(byLld)) },
  ]);
  const nodeAt = (one: Tree, path: string): FileNode => {
    const node = lookup(one, path)?.node;
    if (node?.kind !== 'file') throw new Error(`no file ${path}`);
    return node;
  };

  test('mends the program and libraries of arm64, each file once', () => {
    const done = relocateRoot(tree, noContents, '/app/run', 'arm64');
    expect(done.moved).toEqual([
      { path: '/app/libcoreclr.so', count: 2 },
      { path: '/app/run', count: 2 },
    ]);
    expect(done.unknown).toEqual([{ path: '/app/stuck.so', types: [module] }]);
    const mended = nodeAt(done.tree, '/app/libcoreclr.so');
    expect(nodeAt(done.tree, '/app/libother.so.1.2')).toBe(mended);
    expect(mended.content.digest).not.toBe(library.content.digest);
    expect(tablesOf(accessOf(readFile(noContents, mended, 1 << 20))).table).toHaveLength(2);
    for (const path of ['/app/stuck.so', '/app/text']) {
      expect(nodeAt(done.tree, path)).toBe(nodeAt(tree, path));
    }
  });

  test('ends soon when a hostile image has many files of nothing but relocations', () => {
    const huge = fileOfBytes(
      armElf({ table: Array<number>(300_000).fill(relative), jumps: [jump] }),
    );
    const many = editTree(
      { root: directory() },
      Array.from({ length: 100 }, (_, index) => ({
        op: 'set' as const,
        path: `/app/n${index}.so`,
        node: { ...huge },
      })),
    );
    let read = 0;
    const counted = {
      ...noContents,
      readInto(...args: Parameters<typeof noContents.readInto>): void {
        read += args[2].length;
        noContents.readInto(...args);
      },
    };
    relocateRoot(many, counted, '/app/run', 'arm64');
    expect(read).toBeLessThan(300 << 20);
  });

  test('leaves what is for x64 alone', () => {
    expect(relocateRoot(tree, noContents, '/app/run', 'x64')).toEqual({
      tree,
      moved: [],
      unknown: [],
    });
  });

  test('is told by check: a note of what was changed, a warning of what cannot be loaded', () => {
    const findings = checkRelocations(relocateRoot(tree, noContents, '/app/run', 'arm64'));
    expect(findings).toEqual([
      expect.objectContaining({
        rule: 'unknown-relocation',
        severity: 'warning',
        evidence: { file: '/app/stuck.so', found: 'relocations of the type 1029' },
      }),
      expect.objectContaining({
        rule: 'relocations-moved',
        severity: 'note',
        evidence: {
          file: '/app/libcoreclr.so',
          found: '2 TLS descriptors',
          alsoIn: ['/app/run'],
        },
      }),
    ]);
    expect(checkRelocations({ moved: [], unknown: [] })).toEqual([]);
  });
});
