import { afterEach } from 'vitest';
import type { PullOptions } from '../../../src/pull/pull.ts';
import { flatten } from '../../../src/tree/flatten.ts';
import { createMemoryFiles } from '../../../store/files/memory.ts';
import { openStore, type Store } from '../../../store/index.ts';
import type { BuiltImage } from '../../support/image.ts';
import { listTree } from '../../support/list-tree.ts';
import { instantPace } from '../../support/pace.ts';
import {
  type Registry,
  type RegistryOptions,
  startRegistry,
} from '../../support/registry/registry.ts';

/** What is closed after each test. */
export const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** In memory: flushing hundreds of layers to a disk would take half a minute. */
export async function emptyStore(files = createMemoryFiles()): Promise<Store> {
  return await openStore('/store', { files });
}

/** A registry that runs until the test is over. */
export async function start(options: RegistryOptions): Promise<Registry> {
  const registry = await startRegistry(options);
  closers.push(() => registry.close());
  return registry;
}

/** Pulls at a pace at which nothing takes time. */
export const at = (options: PullOptions = {}): PullOptions => ({
  ...options,
  registry: { pace: instantPace(), ...options.registry },
});

export async function listing(store: Store, { layers }: BuiltImage): Promise<string> {
  const indexes = [];
  for (const { diffID } of layers) {
    const layer = await store.layers.open(diffID);
    indexes.push(layer.index);
    layer.close();
  }
  return listTree(flatten(indexes));
}
