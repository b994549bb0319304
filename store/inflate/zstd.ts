import type { Limits } from '../limits.ts';
import { inflateWithBinding, loadBinding } from './zstd-binding.ts';
import { wholeFrames, windowLogOf } from './zstd-frames.ts';
import { inflateWithNode, nodeInflatesZstd } from './zstd-node.ts';
import { inflateWithProgram, programInflatesZstd } from './zstd-program.ts';

type Inflate = (source: AsyncIterable<Uint8Array>, windowLog: number) => AsyncIterable<Uint8Array>;

/**
 * Inflates zstd (RFC 8878) with the best means there is: the package zstd-napi, Node itself, the
 * program `zstd`, the package fzstd. All read several frames and skippable ones; `wholeFrames` refuses a
 * stream that is cut off, and what follows the last frame and is none, as the program does.
 * @throws StoreError `LAYER_CORRUPT`, and `LAYER_LIMIT` for a window that is too large.
 */
export async function* inflateZstd(
  source: AsyncIterable<Uint8Array>,
  limits: Limits,
): AsyncGenerator<Uint8Array, void> {
  chosen ??= choose();
  const inflate = await chosen;
  yield* inflate(wholeFrames(source, limits), windowLogOf(limits));
}

let chosen: Promise<Inflate> | undefined;

async function choose(): Promise<Inflate> {
  if (await bindingLoads()) {
    return inflateWithBinding;
  }
  if (nodeInflatesZstd) {
    return inflateWithNode;
  }
  if (await programInflatesZstd()) {
    return inflateWithProgram;
  }
  const { inflateWithScript } = await import('./zstd-script.ts');
  return inflateWithScript;
}

/** npm installs an optional package without its compiled half where scripts are not allowed. */
async function bindingLoads(): Promise<boolean> {
  try {
    await loadBinding();
    return true;
  } catch {
    return false;
  }
}
