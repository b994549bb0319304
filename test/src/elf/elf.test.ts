import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { machineName } from '../../../src/elf/elf.ts';
import { readNotes } from '../../../src/elf/notes.ts';
import { readElf } from '../../../src/elf/read.ts';
import { readSymbols } from '../../../src/elf/symbols.ts';
import type { SyncAccess } from '../../../src/tree/access.ts';
import { buildElf } from './elf-builder.ts';

function accessOf(bytes: Uint8Array): SyncAccess {
  return {
    size: bytes.length,
    read(offset, length) {
      if (!Number.isSafeInteger(offset) || offset < 0 || offset + length > bytes.length) {
        throw new RangeError(`read of ${length} bytes at ${offset} of ${bytes.length}`);
      }
      return Uint8Array.from(bytes.subarray(offset, offset + length));
    },
  };
}

function elfOf(bytes: Uint8Array) {
  const elf = readElf(accessOf(bytes));
  if (elf?.kind !== 'elf') {
    throw new Error(`no ELF: ${elf?.reason}`);
  }
  return elf;
}

const fixture = (path: string): Uint8Array =>
  readFileSync(new URL(`../../../fixtures/apps/${path}`, import.meta.url));

const sample = buildElf({
  needed: ['libc.so.6', 'libz.so.1'],
  soname: 'libsample.so.1',
  runpath: '$ORIGIN:/opt/lib',
  interpreter: '/lib64/ld-linux-x86-64.so.2',
  tls: { memorySize: 568, align: 64 },
  symbols: [
    { name: 'given', defined: true },
    { name: 'wanted', defined: false },
  ],
  sections: ['__managedcode'],
  note: { name: 'Xen', type: 18, description: Buffer.from([1, 2, 3, 4]) },
});

describe('readElf', () => {
  test('reads every table of a file', () => {
    const elf = elfOf(sample);
    expect(elf).toMatchObject({
      bits: 64,
      littleEndian: true,
      type: 3,
      machine: 62,
      interpreter: '/lib64/ld-linux-x86-64.so.2',
      tls: { memorySize: 568, align: 64 },
      needed: ['libc.so.6', 'libz.so.1'],
      soname: 'libsample.so.1',
      runpath: ['$ORIGIN', '/opt/lib'],
    });
    expect(elf.sections.map(({ name }) => name)).toEqual(['', '__managedcode', '.shstrtab']);
    expect(machineName(elf.machine)).toBe('x64');
    expect(machineName(243)).toBe('machine 243');
  });

  test('reads a 32-bit big-endian header', () => {
    const bytes = Buffer.alloc(52);
    bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 2, 1]);
    bytes.writeUInt16BE(2, 16);
    bytes.writeUInt16BE(20, 18);
    bytes.writeUInt32BE(0x1000, 24);
    expect(elfOf(bytes)).toMatchObject({
      bits: 32,
      type: 2,
      machine: 20,
      entry: 0x1000,
      needed: [],
    });
  });

  test('is undefined for what is no ELF, however short', () => {
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from('\x7fELF'),
      Buffer.from('#!/bin/sh\nexec dotnet app.dll'),
    ]) {
      expect(readElf(accessOf(bytes))).toBeUndefined();
    }
  });

  test('says what is wrong when tables lie outside the file', () => {
    expect(readElf(accessOf(sample.subarray(0, 100)))).toMatchObject({
      kind: 'broken',
      reason: expect.stringContaining('program header'),
    });
    const bits = Uint8Array.from(sample);
    bits[4] = 7;
    expect(readElf(accessOf(bits))).toMatchObject({
      kind: 'broken',
      reason: expect.stringContaining('class 7'),
    });
  });

  test('ignores a section table that lies outside the file, as loaders do', () => {
    const bytes = Buffer.from(sample);
    bytes.writeBigUInt64LE(1n << 40n, 40);
    expect(elfOf(bytes)).toMatchObject({ sections: [], needed: ['libc.so.6', 'libz.so.1'] });
  });

  test('refuses numbers above 2^53 instead of rounding them', () => {
    const bytes = Buffer.from(sample);
    bytes.writeBigUInt64LE((1n << 53n) + 1n, 32);
    expect(readElf(accessOf(bytes))).toMatchObject({ reason: expect.stringContaining('2^53') });
  });

  test('refuses more program headers than any file has', () => {
    const bytes = Buffer.concat([sample, Buffer.alloc(1 << 16)]);
    bytes.writeUInt16LE(600, 56);
    expect(readElf(accessOf(bytes))).toMatchObject({
      reason: expect.stringContaining('at most 512'),
    });
  });

  test('reads a real apphost and a real Native AOT program', () => {
    const apphost = elfOf(fixture('console/publish/console'));
    expect(apphost.needed).toContain('libstdc++.so.6');
    expect(apphost.tls).toEqual({ memorySize: 8, align: 8 });
    const aot = elfOf(fixture('hello-aot/publish/hello-aot'));
    expect(aot.needed).toEqual(['libc.so.6', 'ld-linux-x86-64.so.2']);
    expect(aot.runpath).toEqual(['$ORIGIN']);
    expect(aot.sections.map(({ name }) => name)).toContain('.dotnet_eh_table');
  });
});

describe('readSymbols', () => {
  test('tells defined from undefined symbols, counted by the hash table without sections', () => {
    expect(readSymbols(accessOf(sample), elfOf(sample))).toEqual([
      { name: 'given', defined: true, binding: 'global', type: 2 },
      { name: 'wanted', defined: false, binding: 'global', type: 2 },
    ]);
  });

  test.each(['console/publish/console', 'hello-aot/publish/hello-aot'])(
    'agrees on %s by section and by GNU hash table',
    (path) => {
      const bytes = fixture(path);
      const elf = elfOf(bytes);
      const bySection = readSymbols(accessOf(bytes), elf);
      expect(bySection).toHaveLength(
        (elf.sections.find(({ name }) => name === '.dynsym')?.size ?? 0) / 24 - 1,
      );
      expect(bySection).toContainEqual({
        name: '__libc_start_main',
        defined: false,
        binding: 'global',
        type: 2,
      });
      expect(readSymbols(accessOf(bytes), { ...elf, sections: [] })).toEqual(bySection);
    },
  );

  test.runIf(hasReadelf())('lists what readelf lists', () => {
    const path = new URL('../../../fixtures/apps/console/publish/console', import.meta.url)
      .pathname;
    const listed = execFileSync('readelf', ['--dyn-syms', '-W', path], { encoding: 'utf8' })
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([number, , , , , , , name]) => /^[1-9]/.test(number ?? '') && name !== undefined)
      .map((columns) => columns[7]?.replace(/@.*/, ''));
    const bytes = readFileSync(path);
    const symbols = readSymbols(accessOf(bytes), elfOf(bytes));
    expect('kind' in symbols ? symbols : symbols.map(({ name }) => name)).toEqual(listed);
  });
});

describe('readSymbols, names', () => {
  test.each([
    ['ASCII', ['malloc', '', 'free']],
    ['not all of ASCII', ['malloc', 'größe', '関数', '']],
  ])('gives them as they are when the table is %s', (_what, names) => {
    const bytes = buildElf({ symbols: names.map((name) => ({ name, defined: true })) });
    expect(readSymbols(accessOf(bytes), elfOf(bytes))).toMatchObject(
      names.map((name) => ({ name })),
    );
  });
});

describe('readNotes', () => {
  test('reads name, type and description', () => {
    expect(readNotes(accessOf(sample), elfOf(sample))).toEqual([
      { name: 'Xen', type: 18, description: Uint8Array.from([1, 2, 3, 4]) },
    ]);
  });

  test('says that a note is cut off', () => {
    const bytes = buildElf({ note: { name: 'Xen', type: 18, description: Buffer.alloc(4) } });
    const elf = elfOf(bytes);
    const note = elf.segments.find(({ type }) => type === 4);
    Buffer.from(bytes.buffer, bytes.byteOffset).writeUInt32LE(1 << 20, (note?.offset ?? 0) + 4);
    expect(readNotes(accessOf(bytes), elf)).toMatchObject({ kind: 'broken' });
  });
});

describe('hostile files', () => {
  test('cannot name each symbol by most of the string table', () => {
    const named = ['x'.repeat(4 << 20), ...Array.from({ length: 3000 }, () => 'y')];
    const bytes = Buffer.from(
      buildElf({ symbols: named.map((name) => ({ name, defined: true })) }),
    );
    const table = elfOf(bytes).dynamic.find(({ tag }) => tag === 6)?.value ?? 0;
    for (let at = 1; at <= named.length; at += 1) {
      bytes.writeUInt32LE(bytes.readUInt32LE(table + 24), table + at * 24);
    }
    expect(readSymbols(accessOf(bytes), elfOf(bytes))).toMatchObject({
      kind: 'broken',
      reason: expect.stringContaining('names of more than'),
    });
  });

  test('cannot name each section by most of the table of names', () => {
    const sections = ['x'.repeat(500_000), ...Array.from({ length: 3000 }, () => 'y')];
    const bytes = Buffer.from(buildElf({ sections }));
    expect(elfOf(bytes).sections).toHaveLength(sections.length + 2);
    const table = Number(bytes.readBigUInt64LE(40));
    for (let at = 1; at <= sections.length; at += 1) {
      bytes.writeUInt32LE(bytes.readUInt32LE(table + 64), table + at * 64);
    }
    expect(elfOf(bytes).sections).toEqual([]);
  });

  test('never make a reader throw or read out of range', () => {
    const start = fixture('console/publish/console');
    const flips = fc.array(fc.record({ at: fc.nat(sample.length - 1), to: fc.nat(255) }), {
      minLength: 1,
      maxLength: 12,
    });
    const source = fc.constantFrom('sample', 'apphost');
    fc.assert(
      fc.property(source, flips, fc.option(fc.nat(sample.length)), (from, changes, end) => {
        const bytes = Uint8Array.from(from === 'sample' ? sample : start.subarray(0, 0x13000));
        for (const { at, to } of changes) {
          bytes[at] = to;
        }
        readAll(end === null ? bytes : bytes.subarray(0, end));
      }),
      { numRuns: 4000, seed: 20 },
    );
  });

  test('never make a reader throw when a table pointer changes', () => {
    const words = fc.array(
      fc.record({
        at: fc.nat(Math.floor(sample.length / 8) - 1),
        to: fc.oneof(fc.bigInt(0n, 4096n), fc.bigInt(0n, (1n << 64n) - 1n)),
      }),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(words, (changes) => {
        const bytes = Buffer.from(sample);
        for (const { at, to } of changes) {
          bytes.writeBigUInt64LE(to, at * 8);
        }
        readAll(bytes);
      }),
      { numRuns: 4000, seed: 21 },
    );
  });
});

function readAll(bytes: Uint8Array): void {
  const access = accessOf(bytes);
  const elf = readElf(access);
  if (elf?.kind === 'elf') {
    readSymbols(access, elf);
    readNotes(access, elf);
  }
}

function hasReadelf(): boolean {
  try {
    execFileSync('readelf', ['--version']);
    return true;
  } catch {
    return false;
  }
}
