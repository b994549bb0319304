import { flatten } from '../../../src/tree/flatten.ts';
import type { LayerItem } from '../../support/layers.ts';
import { listTree } from '../../support/list-tree.ts';
import { layers } from './layer-index.ts';

export function listing(...items: readonly (readonly LayerItem[])[]): string[] {
  return listTree(flatten(layers(...items)))
    .trimEnd()
    .split('\n');
}

export function failure(...items: readonly (readonly LayerItem[])[]): unknown {
  try {
    flatten(layers(...items));
  } catch (error) {
    return error;
  }
  return undefined;
}

export const root = 'd 0755 0 /';
