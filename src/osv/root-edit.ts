import type { Edit } from '../tree/edit.ts';
import type { Node } from '../tree/tree.ts';

/** A difference between the image's root and the one on the disk. */
export interface RootChange {
  readonly path: string;
  /** What was done and why. */
  readonly change: string;
}

/** A planned difference; `isLoss` where the app may miss what was there. */
export type RootEdit = Edit & RootChange & { readonly isLoss: boolean };

interface Weight {
  readonly isLoss?: boolean;
}

export function put(
  path: string,
  node: Node,
  change: string,
  { isLoss = false }: Weight = {},
): RootEdit {
  return { op: 'set', path, node, change, isLoss };
}

export function remove(path: string, change: string, { isLoss = false }: Weight = {}): RootEdit {
  return { op: 'remove', path, change, isLoss };
}
