import { errorCodeOf } from '../../../src/error.ts';
import { withLayers } from '../../../src/tree/open-layers.ts';
import {
  type DiffID,
  defaultLimits,
  digestOf,
  openMemoryStore,
  parseDiffID,
} from '../../../store/index.ts';
import { inflate } from '../../../store/inflate/inflate.ts';
import { type Listed, lineOf } from './listing.ts';
import { listOfTree } from './tree-listing.ts';

/** What our tool makes of layers, lowest first: a list, or why it refuses them. */
export type Outcome =
  | { readonly listed: readonly Listed[] }
  | { readonly code: string; readonly sentence: string };

/** Takes the layers in as a pull does, into a store in memory, and merges them. */
export async function unpack(layers: readonly Uint8Array[]): Promise<Outcome> {
  const store = await openMemoryStore();
  try {
    const diffIDs: DiffID[] = [];
    for (const bytes of layers) {
      const diffID = await diffIDOf(bytes);
      await store.layers.ingest(await store.blobs.put(bytes), diffID);
      diffIDs.push(diffID);
    }
    return await withLayers(store, async ({ flatten, contents }) => ({
      listed: listOfTree(await flatten(diffIDs), contents),
    }));
  } catch (error) {
    const code = errorCodeOf(error);
    if (code === undefined) throw error;
    return { code, sentence: String(error) };
  } finally {
    await store.close();
  }
}

/** The digest of a layer uncompressed; of one that cannot be inflated, that of as much as can be. */
export async function diffIDOf(layer: Uint8Array): Promise<DiffID> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of inflate(once(layer), defaultLimits)) chunks.push(chunk.slice());
  } catch (error) {
    if (errorCodeOf(error) === undefined) throw error;
  }
  return parseDiffID(digestOf(Buffer.concat(chunks)));
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}

/** The golden of a hazard. */
export function goldenOf(outcome: Outcome): string {
  if ('code' in outcome) return `error ${outcome.code}\n`;
  return outcome.listed.map((listed) => `${lineOf(listed)}\n`).join('');
}
