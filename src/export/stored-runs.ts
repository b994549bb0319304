import type { Content } from '../tree/tree.ts';

/** Bytes of a file between holes. */
export interface Run {
  readonly position: number;
  readonly length: number;
}

/** GNU tar takes runs for whole blocks, but for the one that ends the file. */
const blockSize = 512;

/**
 * What is stored of a file with holes, in whole blocks, those that meet as one: zeros come with it where a
 * layer has other runs. Undefined for a file without holes.
 */
export function storedRuns(content: Content): readonly Run[] | undefined {
  if (content.kind !== 'layer' || !content.extents) return undefined;
  const runs: Run[] = [];
  for (const { position, length } of content.extents) {
    const start = position - (position % blockSize);
    const end = Math.min(Math.ceil((position + length) / blockSize) * blockSize, content.size);
    const last = runs.at(-1);
    if (last && start <= last.position + last.length) {
      runs[runs.length - 1] = { position: last.position, length: end - last.position };
    } else {
      runs.push({ position: start, length: end - start });
    }
  }
  return runs;
}
