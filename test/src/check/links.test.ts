import { describe, expect, it } from 'vitest';
import { missingLibraries } from '../../../src/check/libraries.ts';
import { checkLinks, settleLibraries } from '../../../src/check/links.ts';
import { filesOfTree } from '../../../src/dotnet/files.ts';
import { loadedNatives } from '../../../src/osv/natives.ts';
import { openContents } from '../../../src/tree/contents.ts';
import { editTree } from '../../../src/tree/edit.ts';
import { directory, fileOfBytes, symlink } from '../../../src/tree/nodes.ts';
import { buildElf, type ElfParts } from '../elf/elf-builder.ts';

const wants = (...names: readonly string[]) => names.map((name) => ({ name, defined: false }));
const has = (...names: readonly string[]) => names.map((name) => ({ name, defined: true }));

function filesWith(elves: Readonly<Record<string, ElfParts | Uint8Array | string>>) {
  const nodes = Object.entries(elves).map(([path, file]) => {
    if (typeof file === 'string') return { op: 'set', path, node: symlink(file) } as const;
    const bytes = file instanceof Uint8Array ? file : buildElf(file);
    return { op: 'set', path, node: fileOfBytes(bytes) } as const;
  });
  return filesOfTree(editTree({ root: directory() }, nodes), openContents(new Map()));
}

const nothing = new Set<string>();

describe('loadedNatives', () => {
  it('follows what is needed by RUNPATH, / and /usr/lib, each file once', () => {
    const files = filesWith({
      '/app/start': {
        needed: ['libbeside.so', 'liblinked.so.1', 'libc.so.6', 'libnone.so'],
        runpath: '$ORIGIN/lib',
      },
      '/app/lib/libbeside.so': { needed: ['libtop.so', 'liblinked.so.1'] },
      '/libtop.so': { needed: ['libbeside.so'] },
      '/usr/lib/liblinked.so.1': '/opt/x/liblinked.so.1.2',
      '/opt/x/liblinked.so.1.2': {},
      '/usr/lib/libc.so.6': {},
      '/lib64/libnone.so': {},
    });
    expect(loadedNatives(files, ['/app/start', '/app/start']).map(({ path }) => path)).toEqual([
      '/app/start',
      '/app/lib/libbeside.so',
      '/opt/x/liblinked.so.1.2',
      '/libtop.so',
    ]);
  });

  it('leaves out what is for another machine, damaged or no ELF', () => {
    const files = filesWith({
      '/arm': { machine: 183 },
      '/broken': buildElf().subarray(0, 70),
      '/text': Buffer.from('#!/bin/sh'),
    });
    expect(loadedNatives(files, ['/arm', '/broken', '/text', '/missing'])).toEqual([]);
  });
});

describe('checkLinks', () => {
  it('finds what neither the loaded files nor the kernel have', () => {
    const files = filesWith({
      '/app/start': { needed: ['libone.so'], symbols: wants('one', 'two', 'malloc', 'lost') },
      '/usr/lib/libone.so': { symbols: [...has('one'), ...wants('lost', 'fma')] },
      '/usr/lib/libtwo.so': { symbols: has('two') },
    });
    const natives = loadedNatives(files, ['/app/start', '/usr/lib/libtwo.so']);
    const findings = checkLinks(natives, new Set(['malloc']));
    expect(findings).toEqual([
      {
        rule: 'missing-symbol',
        severity: 'warning',
        evidence: { file: '/app/start', found: 'calls lost' },
        consequence: expect.stringContaining('the machine ends ("failed looking up symbol")'),
        fix: expect.stringContaining('--add'),
      },
      expect.objectContaining({
        severity: 'note',
        evidence: { file: '/usr/lib/libone.so', found: 'fma' },
        consequence: expect.stringContaining('FMA3'),
      }),
    ]);
  });

  it('tells of each file once, and of what .NET seldom calls in one note (OSV.md 9.1)', () => {
    const names = Array.from({ length: 12 }, (_, index) => `f${index}`);
    const files = filesWith({
      '/a': { symbols: wants('mkstemps', ...names) },
      '/b': { symbols: wants('f0', 'other', 'waitid') },
    });
    const findings = checkLinks(loadedNatives(files, ['/a', '/b']), nothing);
    expect(findings.map(({ rule, evidence }) => [rule, evidence.file, evidence.found])).toEqual([
      ['missing-symbol', '/a', `calls ${names.slice(0, 5).join(', ')} and 7 more`],
      ['missing-symbol', '/b', 'calls other'],
      ['missing-rare-symbols', '/a', 'mkstemps, waitid'],
    ]);
    expect(findings[2]?.consequence).toMatch(/: Path\.GetTempFileName, starting a process$/);
  });

  it('is content when weak symbols are missing', () => {
    const files = filesWith({ '/app/start': { symbols: wants('__gmon_start__') } });
    const natives = loadedNatives(files, ['/app/start']).map(({ path, symbols, lacking }) => ({
      path,
      lacking,
      symbols: symbols.map((symbol) => ({ ...symbol, binding: 'weak' as const })),
    }));
    expect(checkLinks(natives, nothing)).toEqual([]);
  });

  it('names the libraries that a file needs and has not', () => {
    const files = filesWith({ '/a': { needed: ['libgone.so'], symbols: wants('gone') } });
    const [finding] = checkLinks(loadedNatives(files, ['/a']), nothing);
    expect(finding?.evidence.found).toBe('needs libgone.so; calls gone');
    expect(finding?.fix).toContain('install what it needs');
  });
});

describe('settleLibraries', () => {
  // Seen on OSv: a library of which nothing is called may be missing (core/elf.cc, `load_needed`).
  it('makes a note of a missing library where all functions are there, and tells the rest once', () => {
    const files = filesWith({
      '/idle': { needed: ['libgone.so'] },
      '/busy': { needed: ['libgone.so'], symbols: wants('gone') },
    });
    const natives = loadedNatives(files, ['/idle', '/busy']);
    const findings = missingLibraries(
      ['/idle', '/busy', '/unseen'].map((neededBy) => ({
        soname: 'libgone.so',
        neededBy,
        required: false,
      })),
    );
    const settled = settleLibraries(findings, natives, checkLinks(natives, nothing));
    expect(settled.map(({ severity, evidence }) => `${severity} ${evidence.file}`)).toEqual([
      'note /idle',
      'warning /unseen',
    ]);
  });
});
