import { createHash } from 'node:crypto';
import type { DiskDraft } from './convert.ts';
import { walkTree } from './tree/walk.ts';

/**
 * Changes with everything that goes into a disk and its report: image, runtime, kernel, additions, command
 * line with its variables, every file by its digest, every folder and link, and the tool that writes them.
 * That options, hosts and stores differ says nothing where all of this is the same. In hexadecimal; variables
 * cannot be read from it.
 */
export function diskKey(
  { tree, report }: Pick<DiskDraft, 'tree' | 'report'>,
  tool: string,
): string {
  const hash = createHash('sha256').update(`${JSON.stringify([tool, report])}\n`);
  for (const { path, node } of walkTree(tree)) {
    const of = node.kind === 'symlink' ? [node.target] : [];
    hash.update(`${JSON.stringify([path, node.kind, ...of])}\n`);
  }
  return hash.digest('hex');
}
