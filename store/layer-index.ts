import { readFile } from 'node:fs/promises';
import { createValidator } from '../schemas/index.ts';
import { type DiffID, parseDiffID } from './digest.ts';
import type { Entry, LayerIndex } from './entry.ts';
import { StoreError } from './error.ts';
import { ifPresent } from './io-error.ts';
import type { LayerFiles } from './layout.ts';

/** `layers/v1/…/index`, described by schemas/layer-index.schema.json. */
interface IndexFile {
  readonly version: 1;
  readonly diffID: string;
  readonly size: number;
  readonly entries: readonly Entry[];
}

/** V8 makes no longer strings (2^29 - 24 characters). */
const longestText = 2 ** 29 - 24;

/** @throws StoreError `LAYER_LIMIT` when the index cannot be read back as one text. */
export function formatLayerIndex({ diffID, size, entries }: LayerIndex): string {
  const head = JSON.stringify({ version: 1, diffID, size });
  const lines = entries.map((entry) => JSON.stringify(entry));
  const length = lines.reduce((sum, line) => sum + line.length + 2, head.length + 20);
  if (length > longestText) {
    throw new StoreError(
      'LAYER_LIMIT',
      `indexing the layer ${diffID}: found ${length} characters of entries, wanted at most ${longestText}`,
    );
  }
  return `${head.slice(0, -1)},"entries":[\n${lines.join(',\n')}\n]}\n`;
}

/**
 * @returns undefined when there is no index: the layer was never taken in.
 * @throws StoreError `STORE_CORRUPT`.
 */
export async function readLayerIndex(
  { index, folder }: LayerFiles,
  diffID: DiffID,
): Promise<LayerIndex | undefined> {
  const text = await ifPresent(index, () => readFile(index, 'utf8'));
  if (text === undefined) {
    return undefined;
  }
  const corrupt = (what: string, cause?: unknown) =>
    new StoreError('STORE_CORRUPT', `reading ${index}: ${what}`, {
      cause,
      hint: `rm -r '${folder}' and pull the image again`,
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw corrupt('found no JSON, wanted an index of a layer', error);
  }
  const validate = await createValidator('layer-index');
  const complaint = validate(value);
  if (complaint !== undefined) {
    throw corrupt(complaint);
  }
  const file = value as IndexFile;
  if (file.diffID !== diffID) {
    throw corrupt(`found the index of ${file.diffID}, wanted that of ${diffID}`);
  }
  return { diffID: parseDiffID(file.diffID), size: file.size, entries: file.entries };
}
