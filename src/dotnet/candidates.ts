import { shellWord } from '../shell-word.ts';
import type { Tree } from '../tree/tree.ts';
import { walkTree } from '../tree/walk.ts';

const shownCap = 5;
const dotnetFolders = /^\/usr\/(?:share|lib|lib64)\/(?:dotnet|powershell)\//;

/** The apps an image holds though it does not start them: each `*.runtimeconfig.json` outside .NET itself. */
export function candidateApps(tree: Tree): readonly string[] {
  const found: string[] = [];
  for (const { path, node } of walkTree(tree)) {
    if (found.length === shownCap) {
      break;
    }
    if (
      node.kind === 'file' &&
      path.endsWith('.runtimeconfig.json') &&
      !dotnetFolders.test(path) &&
      !/\/shared\/[^/]+\/[^/]+\/[^/]+$/.test(path)
    ) {
      found.push(path);
    }
  }
  return found;
}

/** What to write in place of a command that starts no app: the app that is there, if it is the only one. */
export function entryPointHint(tree: Tree): string {
  const [path, ...others] = candidateApps(tree);
  if (path === undefined || others.length > 0) {
    return 'rebuild the image with ENTRYPOINT ["dotnet","/app/NAME.dll"]';
  }
  const words = JSON.stringify(['dotnet', path.replace(/runtimeconfig\.json$/, 'dll')]);
  return `rebuild the image with ENTRYPOINT ${words}\nor, without a rebuild: --entrypoint ${shellWord(words)}`;
}

/** A sentence part on the apps that are there. */
export function namedCandidates(tree: Tree): string {
  const found = candidateApps(tree);
  return found.length === 0
    ? 'the image has no *.runtimeconfig.json either'
    : `the image has ${found.join(', ')}`;
}
