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

/** A sentence part on the apps that are there. */
export function namedCandidates(tree: Tree): string {
  const found = candidateApps(tree);
  return found.length === 0
    ? 'the image has no *.runtimeconfig.json either'
    : `the image has ${found.join(', ')}`;
}
