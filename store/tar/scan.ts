import type { Entry } from '../entry.ts';
import { defaultLimits, type Limits } from '../limits.ts';
import { createTarReader } from './reader.ts';

/**
 * Reads an uncompressed tar from its start and tells `onEntry` of each entry, with the offset, size
 * and digest of every file, once its bytes have gone by. The chunks are not kept.
 * @throws StoreError `LAYER_CORRUPT`, `LAYER_LIMIT`.
 */
export async function scanTar(
  tar: AsyncIterable<Uint8Array>,
  onEntry: (entry: Entry) => void,
  limits: Partial<Limits> = {},
): Promise<void> {
  const reader = createTarReader(onEntry, { ...defaultLimits, ...limits });
  for await (const chunk of tar) reader.push(chunk);
  reader.end();
}
