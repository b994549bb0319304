import { Buffer } from 'node:buffer';
import { letterOf } from '../../../src/look/mode-text.ts';
import { type Contents, readFile } from '../../../src/tree/contents.ts';
import type { Node, Tree } from '../../../src/tree/tree.ts';
import { walkTree } from '../../../src/tree/walk.ts';
import type { Listed } from './listing.ts';

/** What our tree has, in the order of its walk. */
export function listOfTree(tree: Tree, contents: Contents): readonly Listed[] {
  const seen = new Map<Node, string>();
  return [...walkTree(tree)].map(({ path, node }) => {
    const same = seen.get(node);
    if (same === undefined) seen.set(node, path);
    const { mode, uid, gid, mtime, xattrs } = node;
    return {
      path,
      kind: letterOf(node),
      mode,
      owner: `${uid}:${gid}`,
      mtime,
      ...(node.kind === 'file' && { content: readFile(contents, node, 2 ** 27) }),
      ...(node.kind === 'symlink' && { target: node.target }),
      ...(node.kind === 'special' &&
        node.type !== 'fifo' && { device: `${node.major},${node.minor}` }),
      ...(same !== undefined && { same }),
      ...(xattrs && { xattrs: bytesOf(xattrs) }),
    };
  });
}

function bytesOf(xattrs: Readonly<Record<string, string>>): ReadonlyMap<string, Uint8Array> {
  return new Map(
    Object.entries(xattrs).map(([name, value]) => [name, Buffer.from(value, 'base64')]),
  );
}
