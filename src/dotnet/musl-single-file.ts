import type { SyncAccess } from '../tree/access.ts';
import type { DotnetApp } from './app.ts';
import type { Bundle } from './bundle.ts';
import { baseName, folderOf } from './command.ts';
import { unsuitable } from './managed.ts';
import type { MuslProgram } from './musl.ts';
import { hostJsonCap } from './runtimeconfig.ts';

/**
 * A single-file app for musl, without a runtime in it, as the folder it was published from: but for the
 * small host before them, the files of its bundle are those that `dotnet` starts on any system (DOTNET.md 5).
 * @throws ConvertError `APP_INVALID` for a bundle without its entry assembly.
 */
export function asFolder(
  { bundle: _, ...app }: DotnetApp,
  bundle: Bundle,
  musl: readonly string[],
): DotnetApp {
  const name = entryOf(bundle, app);
  const folder = folderFor(app.executable);
  return {
    ...app,
    kind: 'framework-dependent',
    launcher: 'apphost',
    assembly: `${folder}/${name}`,
    unbundle: { folder, files: bundle.files },
    musl,
    evidence: [
      ...app.evidence,
      `its host is linked to musl: its files are laid in ${folder}, and dotnet starts ${name} there`,
    ],
  };
}

/** What `muslMarks` looks at in a single-file app. */
export function muslProgram(
  executable: string,
  access: SyncAccess,
  { files }: Bundle,
): MuslProgram {
  const deps = files.find(({ type }) => type === 'deps');
  if (deps === undefined || deps.compressedSize !== 0 || deps.size > hostJsonCap) {
    return { executable };
  }
  const path = `${executable}!${deps.path}`;
  return { executable, deps: { path, bytes: access.read(deps.offset, deps.size) } };
}

type EntryOwner = Pick<DotnetApp, 'executable' | 'architecture'>;

/** The SDK names the settings after the entry assembly, whatever the executable is called later. */
function entryOf({ files }: Bundle, { executable, architecture }: EntryOwner): string {
  const settings = files.find(({ type }) => type === 'runtimeconfig')?.path ?? '';
  const name = settings.replace(/\.runtimeconfig\.json$/, '.dll');
  if (!files.some((file) => file.path === name)) {
    const problem = `found no ${name} beside ${settings} in its bundle`;
    throw unsuitable(executable, problem, architecture);
  }
  return name;
}

/** Folders of many programs: what is laid there would be taken for parts of others. */
const shared = /^(?:|(?:\/usr)?(?:\/local)?\/s?bin)$/;

/** Where it lies itself, if that is its own: it looks for its settings there. */
function folderFor(path: string): string {
  const folder = folderOf(path);
  return shared.test(folder) ? `/opt/${baseName(path)}` : folder;
}
