import { ConvertError } from '../error.ts';
import { type Edit, editTree } from '../tree/edit.ts';
import { lookup } from '../tree/lookup.ts';
import { directory } from '../tree/nodes.ts';
import type { Node, Tree } from '../tree/tree.ts';
import { walkFrom } from '../tree/walk.ts';
import { mountOver } from './root.ts';

/** A tree that something was laid over. */
export interface LaidOver {
  readonly tree: Tree;
  /** Every file, link and empty folder of that: absolute, free of links in the folders above it. */
  readonly paths: readonly string[];
}

/**
 * Puts `node` at `path` (`''` for the root) over what the tree has there: folders merge, links to folders
 * are followed, files and links take the place of files and links.
 * @throws ConvertError `ROOT_CONFLICT` for a file over a folder, a folder over a file, and where OSv has
 * something of its own.
 */
export function layOver(tree: Tree, path: string, node: Node): LaidOver {
  const edits: Edit[] = [];
  const paths: string[] = [];
  for (const { path: below, node: one } of walkFrom({ path: path || '/', node })) {
    if (below === '/') {
      if (one.kind === 'directory') continue;
      throw conflict('/', `a ${one.kind} for the root`, 'a folder');
    }
    const there = lookup(tree, below)?.node;
    const isFolder = one.kind === 'directory';
    if (there !== undefined && (there.kind === 'directory') !== isFolder) {
      const wanted = isFolder
        ? 'no file there'
        : `no folder there, or a slash at the end: ${below}/`;
      throw conflict(below, `a ${one.kind} to go where the image has a ${there.kind}`, wanted);
    }
    if (isFolder && one.entries.size > 0) continue;
    paths.push(below);
    if (!isFolder) edits.push({ op: 'set', path: below, node: one });
    else if (there === undefined) edits.push({ op: 'set', path: below, node: directory() });
  }
  const laid = editTree(tree, edits);
  const real = paths.map((one) => lookup(laid, one, { follow: false })?.path ?? one);
  for (const one of real) requireVisible(one);
  return { tree: laid, paths: real };
}

/** What OSv mounts over cannot be seen; its table of mounts is written when the root is composed. */
function requireVisible(path: string): void {
  const mount = mountOver(path);
  if (mount !== undefined) {
    throw conflict(path, `a path below ${mount}, where OSv mounts over it`, 'another folder');
  }
  if (path === '/etc/fstab') {
    throw conflict(path, 'the table of what OSv mounts, which is written for it', 'another name');
  }
}

function conflict(path: string, found: string, wanted: string): ConvertError {
  return new ConvertError(
    'ROOT_CONFLICT',
    `adding ${JSON.stringify(path)}: found ${found}, wanted ${wanted}`,
  );
}
