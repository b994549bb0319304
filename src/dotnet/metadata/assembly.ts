import type { SyncAccess } from '../../tree/access.ts';
import { type ManagedImage, type ReadyToRun, readManagedImage } from './pe.ts';
import { table } from './schema.ts';
import { compressedAt, openTables, type Tables } from './tables.ts';

/** What an assembly says of itself, and what it uses of others. */
export interface Assembly {
  readonly name: string;
  /** `1.2.3.4` */
  readonly version: string;
  /** COFF machine as written; see `ManagedImage`. */
  readonly machine: number;
  readonly readyToRun: ReadyToRun;
  /** `.NETCoreApp,Version=v10.0`, when its compiler was told. */
  readonly targetFramework?: string;
  /** Names of the assemblies it refers to. */
  readonly references: readonly string[];
  /** Types of other assemblies, in full: `System.Diagnostics.Process`, nested ones `Outer/Inner`. */
  readonly types: readonly string[];
  /** Methods and fields of those types. */
  readonly members: readonly MemberReference[];
  /** Functions of native libraries that it calls (P/Invoke). */
  readonly imports: readonly NativeImport[];
}

export interface MemberReference {
  readonly type: string;
  /** A constructor is `.ctor`. */
  readonly name: string;
  /** ECMA-335, II.23.2. */
  readonly signature: Uint8Array;
}

export interface NativeImport {
  /** As written: `libc`, `kernel32.dll`. */
  readonly library: string;
  readonly name: string;
}

/** Metadata of the largest framework assembly takes 5 MB. */
const metadataCap = 64 << 20;

/** Types are nested no deeper in any language. */
const maxNesting = 64;

/** Rows of one table that are kept; of these tables no assembly of the frameworks has a tenth of it. */
const rowCap = 1 << 18;

/** Bytes of the name of a framework. */
const frameworkCap = 255;

/**
 * Reads the metadata of a PE file, and nothing else of it. Undefined for what is no assembly, or one that
 * is damaged: that is for the runtime to refuse.
 */
export function readAssembly(access: SyncAccess): Assembly | undefined {
  return readMetadata(access, (tables, { machine, readyToRun }) => {
    const targetFramework = targetFrameworkOf(tables);
    return {
      ...identityOf(tables),
      machine,
      readyToRun,
      ...(targetFramework !== undefined && { targetFramework }),
      ...usesOf(tables),
    };
  });
}

/**
 * Of what `readAssembly` tells only the functions of native libraries, for a tenth of the work. Undefined for
 * what is no assembly, or where its tables are damaged.
 */
export function readImports(access: SyncAccess): Assembly['imports'] | undefined {
  return readMetadata(access, importsOf);
}

/** The same of the names of the assemblies it refers to. */
export function readReferences(access: SyncAccess): Assembly['references'] | undefined {
  return readMetadata(access, referencesOf);
}

function readMetadata<T>(
  access: SyncAccess,
  use: (tables: Tables, image: ManagedImage) => T,
): T | undefined {
  const image = readManagedImage(access);
  if (image === undefined || image.metadata.size > metadataCap) return undefined;
  const { offset, size } = image.metadata;
  try {
    return use(openTables(access.read(offset, size)), image);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** II.22.2; a module without an assembly goes by its own name. */
function identityOf(tables: Tables): Pick<Assembly, 'name' | 'version'> {
  if (tables.count(table.assembly) === 0) {
    return { name: tables.string(tables.cell(table.module, 1, 1)), version: '0.0.0.0' };
  }
  const version = [1, 2, 3, 4].map((column) => tables.cell(table.assembly, 1, column)).join('.');
  return { name: tables.string(tables.cell(table.assembly, 1, 7)), version };
}

/** The one argument of the assembly's TargetFrameworkAttribute (II.22.10, II.23.3). */
function targetFrameworkOf(tables: Tables): string | undefined {
  for (let row = 1; row <= tables.count(table.customAttribute); row += 1) {
    const parent = tables.coded(table.customAttribute, row, 0);
    const method = tables.coded(table.customAttribute, row, 1);
    if (parent?.table !== table.assembly || method?.table !== table.memberRef) continue;
    const type = tables.coded(table.memberRef, method.row, 0);
    if (type?.table !== table.typeRef) continue;
    if (typeName(tables, type.row) !== 'System.Runtime.Versioning.TargetFrameworkAttribute')
      continue;
    const value = tables.blob(tables.cell(table.customAttribute, row, 2));
    const [length, size] = compressedAt(value, 2);
    if (length > frameworkCap) return undefined;
    return new TextDecoder().decode(value.subarray(2 + size, 2 + size + length));
  }
  return undefined;
}

function usesOf(tables: Tables): Pick<Assembly, 'references' | 'types' | 'members' | 'imports'> {
  const types = rows(tables, table.typeRef, (row) => typeName(tables, row));
  return {
    references: referencesOf(tables),
    types,
    members: rows(tables, table.memberRef, (row) => {
      const parent = tables.coded(table.memberRef, row, 0);
      if (parent?.table !== table.typeRef) return undefined;
      return {
        type: types[parent.row - 1] ?? '',
        name: tables.string(tables.cell(table.memberRef, row, 1)),
        signature: tables.blob(tables.cell(table.memberRef, row, 2)),
      };
    }),
    imports: importsOf(tables),
  };
}

function referencesOf(tables: Tables): Assembly['references'] {
  return rows(tables, table.assemblyRef, (row) =>
    tables.string(tables.cell(table.assemblyRef, row, 6)),
  );
}

function importsOf(tables: Tables): Assembly['imports'] {
  return rows(tables, table.implMap, (row) => ({
    library: tables.string(tables.cell(table.moduleRef, tables.cell(table.implMap, row, 3), 0)),
    name: tables.string(tables.cell(table.implMap, row, 2)),
  }));
}

function rows<T>(tables: Tables, number: number, read: (row: number) => T | undefined): T[] {
  if (tables.count(number) > rowCap) throw new RangeError(`rows of table ${number}`);
  const all: T[] = [];
  for (let row = 1; row <= tables.count(number); row += 1) {
    const value = read(row);
    if (value !== undefined) all.push(value);
  }
  return all;
}

/** II.22.38: a nested type has the one around it as its scope. */
function typeName(tables: Tables, row: number, depth = 0): string {
  const name = tables.string(tables.cell(table.typeRef, row, 1));
  const namespace = tables.string(tables.cell(table.typeRef, row, 2));
  const scope = tables.coded(table.typeRef, row, 0);
  if (scope?.table === table.typeRef && depth < maxNesting) {
    return `${typeName(tables, scope.row, depth + 1)}/${name}`;
  }
  return namespace === '' ? name : `${namespace}.${name}`;
}
