import { posix } from 'node:path';
import { lookup } from '../tree/lookup.ts';
import type { Tree } from '../tree/tree.ts';
import { walkTree } from '../tree/walk.ts';
import { put, type RootEdit } from './root-edit.ts';

/**
 * Gives symbolic links that OSv misreads the absolute path of what they mean. All others stay as they are.
 *
 * OSv joins a link's folder and its target as text (fs/vfs/vfs_lookup.cc, `namei_follow_link`;
 * fs/vfs/vfs_task.cc, `path_conv`). Measured on a kernel of 2026: a relative link in `/` loses its slash;
 * a target such as `.hidden` or `..data/x` is glued to the folder's name; an absolute target is taken
 * without resolving its `.` and `..`; and `..` is resolved as text, whatever links stand before it.
 */
export function mendLinks(tree: Tree): readonly RootEdit[] {
  return [...walkTree(tree)].flatMap(({ path, node }) => {
    if (node.kind !== 'symlink' || !isMisread(path, node.target)) return [];
    const folder = posix.dirname(path);
    const target = lookup(tree, path)?.path ?? posix.resolve(folder, node.target);
    const change = `retargeted from ${node.target} to ${target}: OSv misreads such a link`;
    return [put(path, { ...node, target }, change)];
  });
}

function isMisread(path: string, target: string): boolean {
  const names = target.split('/');
  if (target.startsWith('/')) return names.some((name) => name === '.' || name === '..');
  const [first = ''] = names;
  const glued = first.startsWith('.') && first !== '.' && first !== '..';
  const climbsLate = names.some((name, at) => name === '..' && names[at - 1] !== '..' && at > 0);
  return posix.dirname(path) === '/' || glued || climbsLate;
}
