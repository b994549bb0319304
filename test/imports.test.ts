import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const top = resolve(import.meta.dirname, '..');

/** The pipeline, in order: each stage may import only those before it (ARCHITECTURE.md). */
const stages = [
  ...['oci', 'source', 'target', 'tree', 'elf', 'dotnet', 'osv', 'check', 'sbom'],
  ...['rofs', 'disk', 'run', 'machines'],
  ...['pull', 'runtimes', 'additions', 'look', 'export', 'copy', 'doctor'],
];

/** The store, in order likewise; what stands beside these folders are its words and its doors. */
const storeStages = [
  ...['files', 'leases', 'names', 'blobs', 'inflate', 'tar', 'layers', 'graph'],
  ...['gc', 'usage', 'verify', 'archive'],
];

/** Where each npm package may be imported: one home each keeps start-up light and seams real. */
const packageHomes: Readonly<Record<string, readonly string[]>> = {
  undici: ['src/source'],
  commander: ['src/cli'],
  ajv: ['schemas'],
  'zstd-napi': ['store'],
  fzstd: ['store'],
};

const comments = /\/\*.*?\*\/|^\s*\/\/.*$/gms;

interface Import {
  readonly from: string;
  readonly target: string;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(join(top, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return sourceFiles(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(top, file), 'utf8').replace(comments, '');
  const specifiers = text.matchAll(
    /^\s*(?:import|export)\s(?:[^'";]*?\sfrom\s)?\s*['"]([^'"\n]+)['"]|\bimport\(\s*['"]([^'"\n]+)['"]/gm,
  );
  return [...specifiers]
    .map(([, fixed, dynamic]) => fixed ?? dynamic ?? '')
    .map((specifier) => ({
      from: file,
      target: specifier.startsWith('.')
        ? relative(top, resolve(top, dirname(file), specifier))
        : specifier,
    }));
}

/** Why the import is against the table, or undefined when it is allowed. */
function objection({ from, target }: Import): string | undefined {
  if (target.startsWith('node:')) return undefined;
  if (!/^(schemas|store|src|test|fixtures)\//.test(target)) return packageObjection(from, target);
  if (from.startsWith('schemas/'))
    return target.startsWith('schemas/') ? undefined : 'schemas import nothing';
  if (from.startsWith('store/')) return objectionInStore(from, target);
  if (target.startsWith('test/')) return 'product code does not import tests';
  if (target.startsWith('schemas/') || target === 'store/index.ts') return undefined;
  if (target === 'store/processes.ts' && /^src\/(disk|run|machines)\//.test(from)) return undefined;
  if (target.startsWith('store/')) return 'only store/index.ts is public';
  return stageOf(target) <= stageOf(from) ? undefined : 'a stage imports only stages before it';
}

/** What is loaded only when it is called may stand later: it is no part of what calls it. */
function objectionInStore(from: string, target: string): string | undefined {
  if (!/^(schemas|store)\//.test(target)) return 'the store knows only schemas';
  const [stage, wanted] = [from, target].map((file) =>
    storeStages.indexOf(/^store\/([^/]+)\//.exec(file)?.[1] ?? ''),
  );
  if (stage === -1 || wanted === -1 || stage === undefined || wanted === undefined)
    return undefined;
  return wanted <= stage ? undefined : 'a part of the store imports only parts before it';
}

function packageObjection(from: string, target: string): string | undefined {
  const name = target.split('/')[0] ?? '';
  const homes = packageHomes[name];
  if (homes === undefined) return 'no such package in the table';
  return homes.some((home) => from.startsWith(`${home}/`))
    ? undefined
    : `${name} lives in ${homes}`;
}

/** Errors, and the words that they are told in. */
const words = new Set(['src/error.ts', 'src/shell-word.ts', 'src/unread-file.ts']);

/**
 * Errors, and the words of their hints, come before the stages, events and configuration before those that use them, the
 * pipeline after them, the command line last.
 */
function stageOf(file: string): number {
  if (words.has(file)) return -1;
  if (file === 'src/event.ts' || file === 'src/config.ts') return stages.indexOf('pull');
  const folder = /^src\/([^/]+)\//.exec(file)?.[1];
  if (folder === undefined) return stages.length;
  if (folder === 'cli') return stages.length + 1;
  const stage = stages.indexOf(folder);
  if (stage === -1) throw new Error(`${file}: no such stage in the table`);
  return stage;
}

describe('import table', () => {
  const imports = ['schemas', 'store', 'src'].flatMap(sourceFiles).flatMap(importsOf);

  it('finds the imports it is to judge', () => {
    expect(imports.length).toBeGreaterThan(100);
  });

  it('holds for every import of the product', () => {
    const objections = imports.flatMap((one) => {
      const why = objection(one);
      return why === undefined ? [] : [`${one.from} -> ${one.target}: ${why}`];
    });
    expect(objections).toEqual([]);
  });

  it.each([
    ['src/tree/flatten.ts', 'src/dotnet/app.ts'],
    ['src/oci/reference.ts', 'src/convert.ts'],
    ['src/disk/raw.ts', 'store/tar/reader.ts'],
    ['store/blobs.ts', 'src/error.ts'],
    ['src/rofs/plan.ts', 'store/processes.ts'],
    ['src/osv/kernel.ts', 'undici'],
    ['src/convert.ts', 'src/cli/main.ts'],
  ])('refuses %s importing %s', (from, target) => {
    expect(objection({ from, target })).toBeDefined();
  });
});
