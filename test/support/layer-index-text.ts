import { Buffer } from 'node:buffer';
import type { LayerIndex } from '../../store/index.ts';
import { createIndexWriter } from '../../store/layers/index-text.ts';

/** What stands in the file of an index. */
export function layerIndexText({ diffID, size, entries }: LayerIndex): Uint8Array {
  const writer = createIndexWriter();
  for (const entry of entries) writer.add(entry);
  return Buffer.concat(writer.end(diffID, size).pieces);
}
