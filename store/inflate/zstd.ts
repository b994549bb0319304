import { inflateWithBinding, loadBinding } from './zstd-binding.ts';
import { inflateWithNode, nodeInflatesZstd } from './zstd-node.ts';
import { inflateWithProgram, programInflatesZstd } from './zstd-program.ts';

type Inflate = (source: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

/**
 * Inflates zstd (RFC 8878) with the best means there is: the package zstd-napi, Node itself, the
 * program `zstd`, the package fzstd. All read several frames and skippable ones, and refuse a
 * stream that is cut off.
 * @throws StoreError `LAYER_CORRUPT`.
 */
export async function* inflateZstd(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  chosen ??= choose();
  const inflate = await chosen;
  yield* inflate(source);
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
