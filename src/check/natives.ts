import { ridsOf } from '../dotnet/architecture.ts';
import { folderOf } from '../dotnet/command.ts';
import type { Files } from '../dotnet/files.ts';
import { loadedNatives, type Native } from '../osv/natives.ts';
import type { Tree } from '../tree/tree.ts';
import { walkTree } from '../tree/walk.ts';

/** Libraries that .NET opens by name, where OSv finds them. */
const openedByName = /^\/(?:usr\/)?lib\/lib(?:ssl|crypto|icu\w+|gssapi_krb5)\.so(?:\.|$)/;

/**
 * The natives of a guest that OSv may load: the program, the libraries in `folders` and among what was
 * `added` on purpose, and what these need.
 */
export function nativesOf(
  files: Files,
  tree: Tree,
  program: string,
  folders: readonly string[],
  added: ReadonlySet<string> = new Set(),
): readonly Native[] {
  const opened: string[] = [];
  const rids = ridsOf(files.architecture);
  // Those of other systems lie beside them in a portable app.
  const isLoaded = (path: string): boolean => {
    const rid = /\/runtimes\/([^/]+)\//.exec(path)?.[1];
    return (rid === undefined || rids.includes(rid)) && !isOfDebuggers.test(path);
  };
  for (const { path, node } of walkTree(tree)) {
    if (node.kind === 'directory' || !/\.so(?:\.[\d.]+)?$/.test(path)) continue;
    const isInFolder = folders.some((folder) => path.startsWith(`${folder}/`));
    if (openedByName.test(path) || added.has(path) || (isInFolder && isLoaded(path)))
      opened.push(path);
  }
  return loadedNatives(files, [program, ...opened]);
}

/** Loaded by debuggers and tracers only. */
const isOfDebuggers = /\/lib(?:coreclrtraceptprovider|mscordbi|mscordaccore|dbgshim)\.so$/;

/** The folders of natives: the app's, the runtime's and those unpacked from a bundle. */
export function nativeFolders(
  program: string,
  ...others: readonly (string | undefined)[]
): readonly string[] {
  return [folderOf(program), ...others].flatMap((folder) => (folder ? [folder] : []));
}
