import { digestOf, type LayerIndex, parseDiffID } from '../../../store/index.ts';
import type { LayerItem } from '../../support/layers.ts';

/** The index of a layer with these members; `name` makes its diffID. Offsets point nowhere. */
export function layerIndex(name: string, items: readonly LayerItem[]): LayerIndex {
  const entries = items.map(({ entry, bytes }) =>
    entry.kind === 'file' ? { ...entry, offset: 0, digest: digestOf(bytes) } : entry,
  );
  return { diffID: parseDiffID(digestOf(Buffer.from(name))), size: 0, entries };
}

/** Layers, lowest first. */
export function layers(...items: readonly (readonly LayerItem[])[]): readonly LayerIndex[] {
  return items.map((members, number) => layerIndex(String(number), members));
}
