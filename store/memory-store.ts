import { createMemoryFiles } from './files/memory.ts';
import { openStore } from './open.ts';
import type { OpenStoreOptions, Store } from './store.ts';

/**
 * An empty store in memory, gone with the process: for tests, and for what is converted once and
 * not kept. It holds whole blobs and uncompressed layers, so it needs as much memory as they have
 * bytes. `path` of it and of its blobs says nothing to other processes.
 */
export function openMemoryStore(options: Omit<OpenStoreOptions, 'files'> = {}): Promise<Store> {
  return openStore('/memory', { ...options, files: createMemoryFiles() });
}
