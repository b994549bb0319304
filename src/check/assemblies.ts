import type { DotnetApp } from '../dotnet/app.ts';
import { type BundledApp, openBundledApp } from '../dotnet/bundled.ts';
import { baseName, folderOf } from '../dotnet/command.ts';
import { type Files, readWhole } from '../dotnet/files.ts';
import { type Assembly, readAssembly } from '../dotnet/metadata/assembly.ts';
import { hostJsonCap } from '../dotnet/runtimeconfig.ts';
import { type Origin, originsIn } from './origins.ts';

/** An assembly of an app, read. */
export interface AppAssembly {
  /** Absolute in the image; inside a single-file app `/app/start!app.dll`. */
  readonly file: string;
  readonly assembly: Assembly;
  /** Whether the app's makers took it from others. */
  readonly isLibrary: boolean;
}

/** No app has more; of a hostile image the rest goes unread. */
const assemblyCap = 4096;

/** Bytes of all assemblies that are read: many names may lead to the same ones. */
const allCap = 1 << 30;

/** Folders below the one of the app, and names in them, that are looked at for plugins. */
const pluginFolderCap = 256;

/**
 * The assemblies of an app, one after the other, without those of its runtime and what cannot be read. Of
 * portable apps those for one system only (`runtimes/RID/lib`) are left out: each has a sibling beside the app.
 */
export function* appAssemblies(
  app: Pick<DotnetApp, 'kind' | 'assembly' | 'executable'>,
  files: Files,
  bundle: BundledApp | undefined = openBundledApp(app, files),
): Generator<AppAssembly> {
  const { assembly: entry } = app;
  if (bundle !== undefined) {
    yield* bundledAssemblies(app.executable, bundle);
  } else if (entry !== undefined) {
    const deps = readWhole(files, entry.replace(/\.[^./]*$/, '.deps.json'), hostJsonCap);
    yield* assembliesIn(files, [folderOf(entry)], originsIn(deps, baseName(entry)));
  }
}

/** The assemblies in folders below that of an app, which it may load by their paths: plugins are libraries. */
export function* pluginAssemblies(
  { assembly, executable }: Pick<DotnetApp, 'assembly' | 'executable'>,
  files: Files,
): Generator<AppAssembly> {
  const folders = [folderOf(assembly ?? executable)];
  for (const folder of folders) {
    for (const name of files.list(folder === '' ? '/' : folder).slice(0, assemblyCap)) {
      const path = `${folder}/${name}`;
      if (/^(?:runtimes|ref|refs|wwwroot)$/.test(name) || folders.length >= pluginFolderCap)
        continue;
      // A link may lead back to where it lies.
      if (files.find(path)?.kind === 'directory' && files.find(path)?.path === path) {
        folders.push(path);
      }
    }
  }
  const originOf = (): Origin => 'library';
  yield* assembliesIn(files, folders.slice(1), originOf);
}

function* assembliesIn(
  files: Files,
  folders: readonly string[],
  originOf: (name: string) => Origin,
): Generator<AppAssembly> {
  const paths = folders.flatMap((folder) =>
    files
      .list(folder === '' ? '/' : folder)
      .filter((name) => /\.(?:dll|exe)$/.test(name) && !/\.resources\.dll$/.test(name))
      .map((name) => `${folder}/${name}`),
  );
  let left = allCap;
  for (const file of paths.slice(0, assemblyCap)) {
    const origin = originOf(baseName(file));
    if (origin === 'runtime') continue;
    left -= files.find(file)?.size ?? 0;
    if (left < 0) return;
    const assembly = files.read(file, readAssembly);
    if (assembly !== undefined) yield { file, assembly, isLibrary: origin === 'library' };
  }
}

function* bundledAssemblies(executable: string, bundle: BundledApp): Generator<AppAssembly> {
  const originOf = originsIn(bundle.deps, bundle.entry);
  let left = allCap;
  for (const file of bundle.files.slice(0, assemblyCap)) {
    const origin = originOf(baseName(file.path));
    if (file.type !== 'assembly' || file.path.includes('/') || origin === 'runtime') continue;
    left -= Math.max(file.size, file.compressedSize);
    if (left < 0) return;
    const access = bundle.open(file);
    const assembly = access && readAssembly(access);
    if (assembly === undefined) continue;
    yield { file: `${executable}!${file.path}`, assembly, isLibrary: origin === 'library' };
  }
}
