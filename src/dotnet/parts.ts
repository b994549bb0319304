import type { DotnetApp } from './app.ts';
import { openExecutable } from './bundled.ts';
import { baseName, folderOf } from './command.ts';
import type { Files } from './files.ts';
import { type Assembly, readAssembly, readReferences } from './metadata/assembly.ts';

/** The managed parts of an app, in its folder or in its executable. */
export interface AppParts {
  /** Its entry assembly, when it can be read. */
  readonly entry?: { readonly file: string; readonly assembly: Assembly };
  /** Names of the files that lie beside the entry assembly. */
  readonly names: ReadonlySet<string>;
  /** Where they lie, for messages. */
  readonly place: string;
  /** The assemblies among them, but for the entry assembly. */
  readonly others: () => Iterable<Part>;
}

export interface Part {
  readonly name: string;
  /** The assemblies it refers to; none where it cannot be read. */
  readonly references: () => readonly string[];
}

/** Bytes of assemblies that are looked at: of a hostile image many names may lead to the same ones. */
const othersCap = 1 << 30;

export type Placed = Pick<DotnetApp, 'kind' | 'executable' | 'assembly' | 'unbundle'>;

export function partsOf(files: Files, app: Placed): AppParts {
  const { kind, executable, assembly, unbundle } = app;
  if (kind === 'single-file' || unbundle !== undefined) return bundledParts(files, executable);
  if (assembly === undefined) return { names: new Set(), place: executable, others: () => [] };
  const folder = folderOf(assembly) || '/';
  const read = files.read(assembly, readAssembly);
  const names = files.list(folder);
  const sizeOf = (name: string) => files.find(`${folder}/${name}`)?.size;
  return {
    names: new Set(names),
    place: folder,
    others: () =>
      othersIn(names, baseName(assembly), sizeOf, (name) =>
        files.read(`${folder}/${name}`, readReferences),
      ),
    ...(read && { entry: { file: assembly, assembly: read } }),
  };
}

function bundledParts(files: Files, executable: string): AppParts {
  const app = openExecutable(executable, files);
  const entry = app?.files.find(({ path }) => path === app.entry);
  const access = entry && app?.open(entry);
  const assembly = access && readAssembly(access);
  const bundled = new Map(app?.files.map((file) => [file.path, file]));
  const sizeOf = (name: string) => bundled.get(name)?.size;
  const referencesOf = (name: string): readonly string[] | undefined => {
    const file = bundled.get(name);
    const opened = file && app?.open(file);
    return opened && readReferences(opened);
  };
  return {
    names: new Set(bundled.keys()),
    others: () => othersIn(bundled.keys(), app?.entry, sizeOf, referencesOf),
    place: `the bundle in ${baseName(executable)}`,
    ...(assembly && { entry: { file: `${executable}!${app?.entry}`, assembly } }),
  };
}

function* othersIn(
  names: Iterable<string>,
  entry: string | undefined,
  sizeOf: (name: string) => number | undefined,
  read: (name: string) => readonly string[] | undefined,
): Generator<Part> {
  let left = othersCap;
  for (const name of names) {
    if (!name.endsWith('.dll') || name === entry) continue;
    left -= sizeOf(name) ?? 0;
    if (left < 0) return;
    yield { name, references: () => read(name) ?? [] };
  }
}
