import { pathOf, resolvePath } from './resolve.ts';
import type { Node, Tree } from './tree.ts';

export interface Found {
  /** Absolute, free of links, `.` and `..`. */
  readonly path: string;
  readonly node: Node;
}

/**
 * What `path` names in the tree, resolved as Linux would with the tree's root as `/`. A path without a
 * leading slash starts at the root too. `follow: false` does not follow a link at the very end.
 *
 * @returns undefined when nothing is there: missing, below something that is no folder, or a loop.
 */
export function lookup(
  tree: Tree,
  path: string,
  options: { readonly follow?: boolean } = {},
): Found | undefined {
  const follow = options.follow ?? true;
  const steps = resolvePath<Node>(tree.root, path, (folder, name, last) => {
    const node = folder.kind === 'directory' ? folder.entries.get(name) : undefined;
    if (node?.kind === 'symlink' && (follow || !last)) return { link: node.target };
    return last || node?.kind === 'directory' ? node : undefined;
  });
  const end = steps?.at(-1);
  return steps && end && { path: pathOf(steps), node: end.node };
}
