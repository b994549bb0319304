import { ConvertError } from '../../error.ts';
import { requireWord, unescaped } from '../../look/found.ts';
import type { RofsNode, RofsNodes } from '../../rofs/nodes.ts';
import { shellWord } from '../../shell-word.ts';

/**
 * What `path` leads to in the ROFS of `file`; it may be given as it is printed.
 * @throws ConvertError `PATH_NOT_FOUND`, with the command that lists the folder where it ends; `USAGE` for no path.
 */
export function requireNode(nodes: RofsNodes, file: string, path: string): RofsNode {
  requireWord(file, path);
  const node = nodes.find(unescaped(path));
  if (node) return node;
  throw wrongNode(path, 'no such name', 'one, links not followed', file, lastFolder(nodes, path));
}

/** The deepest folder on the way to what is not there. */
function lastFolder(nodes: RofsNodes, path: string): string {
  let last = '';
  for (const name of path.split('/').filter((part) => part !== '')) {
    const next = `${last}/${name}`;
    if (nodes.find(unescaped(next))?.kind !== 'directory') break;
    last = next;
  }
  return last || '/';
}

/** @param folder whose list is the next thing to look at. */
export function wrongNode(
  path: string,
  found: string,
  wanted: string,
  file: string,
  folder: string,
): ConvertError {
  const shown = JSON.stringify(path.length > 120 ? `${path.slice(0, 120)}…` : path);
  return new ConvertError(
    'PATH_NOT_FOUND',
    `looking for ${shown} in the ROFS: found ${found}, wanted ${wanted}`,
    { hint: `osv-convert rofs ls ${shellWord(file)} ${shellWord(folder)}` },
  );
}
