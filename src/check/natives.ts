import { folderOf } from '../dotnet/command.ts';
import { filesOfTree } from '../dotnet/files.ts';
import { loadedNatives, type Native } from '../osv/natives.ts';
import type { Contents } from '../tree/contents.ts';
import type { Tree } from '../tree/tree.ts';
import { walkTree } from '../tree/walk.ts';

/** Libraries that .NET opens by name, where OSv finds them. */
const openedByName = /^\/(?:usr\/)?lib\/lib(?:ssl|crypto|icu\w+|gssapi_krb5)\.so(?:\.|$)/;

/**
 * The natives of a guest that OSv may load: the program, the libraries in `folders` and among what was
 * `added` on purpose, and what these need.
 */
export function nativesOf(
  tree: Tree,
  contents: Contents,
  program: string,
  folders: readonly string[],
  added: ReadonlySet<string> = new Set(),
): readonly Native[] {
  const opened: string[] = [];
  for (const { path, node } of walkTree(tree)) {
    if (node.kind === 'directory' || !/\.so(?:\.[\d.]+)?$/.test(path)) continue;
    const isInFolder = folders.some((folder) => path.startsWith(`${folder}/`));
    if (openedByName.test(path) || added.has(path) || (isInFolder && !isForeign.test(path)))
      opened.push(path);
  }
  return loadedNatives(filesOfTree(tree, contents), [program, ...opened]);
}

/** Of another system in a portable app, or loaded by debuggers and tracers only. */
const isForeign =
  /\/runtimes\/(?!(?:linux-x64|linux|unix)\/)|\/lib(?:coreclrtraceptprovider|mscordbi|mscordaccore|dbgshim)\.so$/;

/** The folders of natives: the app's, the runtime's and those unpacked from a bundle. */
export function nativeFolders(
  program: string,
  ...others: readonly (string | undefined)[]
): readonly string[] {
  return [folderOf(program), ...others].flatMap((folder) => (folder ? [folder] : []));
}
