import type { DotnetApp } from './app.ts';
import { openExecutable } from './bundled.ts';
import { baseName, folderOf } from './command.ts';
import type { Files } from './files.ts';
import { type Assembly, readAssembly } from './metadata/assembly.ts';

/** The managed parts of an app, in its folder or in its executable. */
export interface AppParts {
  /** Its entry assembly, when it can be read. */
  readonly entry?: { readonly file: string; readonly assembly: Assembly };
  /** Names of the files that lie beside the entry assembly. */
  readonly names: ReadonlySet<string>;
  /** Where they lie, for messages. */
  readonly place: string;
}

export type Placed = Pick<DotnetApp, 'kind' | 'executable' | 'assembly' | 'unbundle'>;

export function partsOf(files: Files, app: Placed): AppParts {
  const { kind, executable, assembly, unbundle } = app;
  if (kind === 'single-file' || unbundle !== undefined) return bundledParts(files, executable);
  if (assembly === undefined) return { names: new Set(), place: executable };
  const folder = folderOf(assembly) || '/';
  const read = files.read(assembly, readAssembly);
  return {
    names: new Set(files.list(folder)),
    place: folder,
    ...(read && { entry: { file: assembly, assembly: read } }),
  };
}

function bundledParts(files: Files, executable: string): AppParts {
  const app = openExecutable(executable, files);
  const entry = app?.files.find(({ path }) => path === app.entry);
  const access = entry && app?.open(entry);
  const assembly = access && readAssembly(access);
  return {
    names: new Set(app?.files.map(({ path }) => path)),
    place: `the bundle in ${baseName(executable)}`,
    ...(assembly && { entry: { file: `${executable}!${app?.entry}`, assembly } }),
  };
}
