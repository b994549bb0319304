import { pathOf, resolvePath } from './resolve.ts';
import type { Node, Tree } from './tree.ts';

export interface Found {
  /** Absolute, free of links, `.` and `..`. */
  readonly path: string;
  readonly node: Node;
}

export interface LookupOptions {
  /** False does not follow a link at the very end. */
  readonly follow?: boolean;
  /** Is told the target of each link that is followed. */
  readonly onLink?: (target: string) => void;
}

/**
 * What `path` names in the tree, resolved as Linux would with the tree's root as `/`. A path without a
 * leading slash starts at the root too.
 *
 * @returns undefined when nothing is there: missing, below something that is no folder, or a loop.
 */
export function lookup(
  tree: Tree,
  path: string,
  { follow = true, onLink }: LookupOptions = {},
): Found | undefined {
  const steps = resolvePath<Node>(tree.root, path, (folder, name, last) => {
    const node = folder.kind === 'directory' ? folder.entries.get(name) : undefined;
    if (node?.kind === 'symlink' && (follow || !last)) {
      onLink?.(node.target);
      return { link: node.target };
    }
    return last || node?.kind === 'directory' ? node : undefined;
  });
  const end = steps?.at(-1);
  return steps && end && { path: pathOf(steps), node: end.node };
}
