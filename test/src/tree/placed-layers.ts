import { historyOf } from '../../../src/tree/history.ts';
import type { PathEvent } from '../../../src/tree/path-history.ts';
import type { LayerIndex } from '../../../store/index.ts';
import type { LayerItem } from '../../support/layers.ts';
import { layers } from './layer-index.ts';

/** Layers whose files lie at places of their own. */
export function placed(...items: readonly (readonly LayerItem[])[]): readonly LayerIndex[] {
  return layers(...items).map((layer) => ({
    ...layer,
    entries: layer.entries.map((entry, at) =>
      entry.kind === 'file' ? { ...entry, offset: 1024 * at } : entry,
    ),
  }));
}

export function events(
  path: string,
  ...items: readonly (readonly LayerItem[])[]
): readonly PathEvent[] {
  return historyOf(placed(...items), [path]).paths.flatMap((history) => history.events);
}
