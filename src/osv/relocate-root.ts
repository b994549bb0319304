import type { Architecture } from '../dotnet/architecture.ts';
import { type Contents, contentAccess } from '../tree/contents.ts';
import { contentsOn } from '../tree/contents-on.ts';
import { type Edit, editTree } from '../tree/edit.ts';
import type { Content, FileNode, Tree } from '../tree/tree.ts';
import { walkTree } from '../tree/walk.ts';
import { judgeRelocations, patchedAccess } from './relocations.ts';

/** A tree whose programs and libraries OSv can load, but for those that are named. */
export interface RelocatedRoot {
  readonly tree: Tree;
  /** Files that were changed, with the number of relocations that were moved in each. */
  readonly moved: readonly { readonly path: string; readonly count: number }[];
  /** Files at which OSv ends the machine when it loads them, with the types of relocations it does not know. */
  readonly unknown: readonly { readonly path: string; readonly types: readonly number[] }[];
}

/** Files that are looked at, and bytes of their relocations: no app has a tenth of either. */
const fileCap = 4096;
const sizeCap = 256 << 20;

/**
 * Makes the libraries and the program of a tree such that OSv can relocate them, which is needed on arm64
 * only (`judgeRelocations`).
 * @param program absolute in the tree.
 */
export function relocateRoot(
  tree: Tree,
  contents: Contents,
  program: string,
  architecture: Architecture,
): RelocatedRoot {
  if (architecture !== 'arm64') return { tree, moved: [], unknown: [] };
  const moved: RelocatedRoot['moved'][number][] = [];
  const unknown: RelocatedRoot['unknown'][number][] = [];
  const edits: Edit[] = [];
  const judged = new Map<FileNode, FileNode>();
  let filesLeft = fileCap;
  let sizeLeft = sizeCap;
  for (const { path, node } of walkTree(tree)) {
    if (node.kind !== 'file' || !(path === program || /\.so(?:\.[\d.]+)?$/.test(path))) continue;
    // Hard links stay one file.
    const known = judged.get(node);
    if (known !== undefined) {
      if (known !== node) edits.push({ op: 'set', path, node: known });
      continue;
    }
    if (filesLeft === 0 || sizeLeft <= 0) break;
    filesLeft -= 1;
    const access = contentAccess(contents, node.content);
    const verdict = judgeRelocations(access);
    sizeLeft -= verdict?.size ?? 0;
    if (verdict !== undefined && verdict.unknown.length > 0) {
      unknown.push({ path, types: verdict.unknown });
    }
    const isChanged = verdict !== undefined && verdict.moved > 0;
    const changed = isChanged ? withContent(node, patchedContent(access, verdict.patches)) : node;
    judged.set(node, changed);
    if (!isChanged) continue;
    moved.push({ path, count: verdict.moved });
    edits.push({ op: 'set', path, node: changed });
  }
  return { tree: editTree(tree, edits), moved, unknown };
}

function patchedContent(...[access, patches]: Parameters<typeof patchedAccess>): Content {
  return contentsOn(patchedAccess(access, patches))(0, access.size);
}

function withContent(node: FileNode, content: Content): FileNode {
  return { ...node, content };
}
