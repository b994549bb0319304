import { relative } from 'node:path';
import type { Run } from './run.ts';

/** Tells of a file with which nothing is wrong. */
export function note(
  { parts, tell }: Pick<Run, 'parts' | 'tell'>,
  path: string,
  found: string,
  wanted: string,
): void {
  const name = relative(parts.layout.root, path);
  tell({ kind: 'file', name, found, wanted, severity: 'note', done: 'none' });
}
