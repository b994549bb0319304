import { dirname, resolve } from 'node:path';
import { createBlobs } from './blobs/blobs.ts';
import type { Blobs } from './blobs/contract.ts';
import { StoreError } from './error.ts';
import { blamedFiles } from './files/blamed.ts';
import { makeFolder } from './files/draft.ts';
import type { Files } from './files/files.ts';
import { nodeFiles } from './files/node.ts';
import { createSettling } from './files/settle.ts';
import type { Layers } from './layers/contract.ts';
import { createLayers } from './layers/layers.ts';
import { isNewerVersion, type Layout, layersVersion, layoutOf } from './layout.ts';
import { createHolds, noHolds } from './leases/holds.ts';
import { createLeases } from './leases/leases.ts';
import { sweep } from './leases/sweep.ts';
import { defaultLimits } from './limits.ts';
import { newerStore, readMarker, writeMarker } from './marker.ts';
import { createRefs, ensureIndex } from './names/refs.ts';
import type { StoreParts } from './parts.ts';
import type { OpenStoreOptions, Store } from './store.ts';

/**
 * Opens the store in the folder `dir`. Nothing is written until something is taken in, so that a
 * folder that cannot be written can still be read; a folder that is missing or empty becomes a
 * store with the first write.
 * @throws StoreError `STORE_UNUSABLE` for a folder with other things in it, `STORE_VERSION` for a
 * store of a later version, `STORE_CORRUPT`.
 */
export async function openStore(dir: string, options: OpenStoreOptions = {}): Promise<Store> {
  const files = blamedFiles(options.files ?? nodeFiles);
  const layout = layoutOf(resolve(dir));
  checkLayout(files, layout, options);
  const prepare = preparing(files, layout, options);
  const holds = options.readOnly
    ? noHolds
    : createHolds({ files, layout, prepare }, options.purpose ?? 'a library call');
  const parts: StoreParts = {
    files,
    isOnHost: options.files === undefined,
    inflater: options.inflater ?? 'auto',
    layout,
    limits: { ...defaultLimits, ...options.limits },
    onEvent: options.onEvent ?? (() => {}),
    prepare,
    settle: options.readOnly ? async () => {} : createSettling(files),
    hold: holds.hold,
  };
  const blobs: Blobs = {
    ...createBlobs(parts),
    async heal(digest, options) {
      const { healBlob } = await import('./verify/heal.ts');
      return healBlob(parts, digest, options);
    },
  };
  const layers: Layers = {
    ...createLayers(parts, blobs),
    async heal(diffID, options) {
      const { healLayer } = await import('./verify/heal.ts');
      return healLayer(parts, layers, diffID, options);
    },
  };
  const refs = createRefs(parts);
  return {
    path: layout.root,
    limits: parts.limits,
    blobs,
    layers,
    refs,
    leases: createLeases(parts),
    hold: holds.hold,
    // Loaded when they are called: most who open a store do none of this.
    gc: async (options = {}) => (await import('./gc/gc.ts')).collectGarbage(parts, options),
    usage: async (options = {}) => (await import('./usage/usage.ts')).measureUsage(parts, options),
    async verify(options = {}) {
      const { verifyStore } = await import('./verify/verify.ts');
      return verifyStore(parts, blobs, layers, options);
    },
    async *export(options = {}) {
      const { exportStore } = await import('./archive/export.ts');
      yield* exportStore(parts, blobs, options);
    },
    async import(archive, options = {}) {
      const { importStore } = await import('./archive/import.ts');
      return importStore(parts, blobs, archive, options);
    },
    close: holds.close,
  };
}

/** Makes the folders of the store once, before the first write. */
function preparing(
  files: Files,
  layout: Layout,
  { readOnly = false }: OpenStoreOptions,
): () => Promise<void> {
  let prepared: Promise<void> | undefined;
  return async () => {
    if (readOnly) {
      throw new StoreError(
        'STORE_UNUSABLE',
        `writing to the store ${layout.root}: found it opened for reading only, wanted it writable`,
        { hint: 'open it without readOnly, or choose another folder for the store' },
      );
    }
    prepared ??= makeLayout(files, layout).catch((error: unknown) => {
      prepared = undefined;
      throw error;
    });
    await prepared;
  };
}

function checkLayout(files: Files, layout: Layout, { repair = false }: OpenStoreOptions): void {
  const kind = files.stat(layout.root)?.kind;
  if (kind === 'file' || kind === 'other') {
    throw new StoreError(
      'STORE_UNUSABLE',
      `opening the store ${layout.root}: found a file, wanted a folder`,
      { hint: 'choose another folder for the store' },
    );
  }
  try {
    if (readMarker(files, layout) === 'missing') refuseForeign(files, layout, repair);
  } catch (error) {
    const isDamaged = error instanceof StoreError && error.code === 'STORE_CORRUPT';
    if (!isDamaged || !repair) throw error;
  }
  const versions = (files.list(layout.layers) ?? []).map(({ name }) => name);
  if (versions.some(isNewerVersion) && !versions.includes(layersVersion)) {
    throw newerStore(layout, `layers of version ${versions.sort().join(', ')}`, layersVersion);
  }
}

/** A folder without a marker must be empty. */
function refuseForeign(files: Files, layout: Layout, repair: boolean): void {
  const names = (files.list(layout.root) ?? []).map(({ name }) => name);
  // Only stores of this kind have both.
  const isStore = ['blobs', 'leases'].every((name) => names.includes(name));
  if (repair && isStore) return;
  // A store that is just being made has its folder for drafts before it has its marker.
  const foreign = names.find((name) => name !== 'ingest');
  // Its marker may have come after it was looked for, and all else then after that.
  if (foreign === undefined || readMarker(files, layout) === 'sound') return;
  throw new StoreError(
    'STORE_UNUSABLE',
    `opening the store ${layout.root}: found ${JSON.stringify(foreign)} and no oci-layout file, wanted an OCI image layout or an empty folder`,
    {
      hint: isStore ? 'osv-convert store verify --repair' : 'choose another folder for the store',
    },
  );
}

/** What is there already may be the work of a process that died before it was durable. */
async function makeLayout(files: Files, layout: Layout): Promise<void> {
  const { root, ingest, marker, leases, blobs, index } = layout;
  await makeFolder(files, ingest);
  if (files.stat(marker) === undefined) {
    await settleAbove(files, ingest);
    await writeMarker(files, layout);
  } else if (files.stat(index) === undefined) {
    // Without its marker, a folder that has more than drafts is no store.
    await files.flushFolder(root);
  }
  await makeFolder(files, leases);
  await makeFolder(files, blobs);
  await ensureIndex(files, layout);
  await files.flushFolder(dirname(blobs));
  await files.flushFolder(root);
  await sweep(files, layout);
}

/** Makes the name of a folder durable, and those of the folders it is in. */
async function settleAbove(files: Files, path: string): Promise<void> {
  const settle = createSettling(files);
  for (let at = dirname(path); ; at = dirname(at)) {
    await settle(at);
    if (at === dirname(at)) return;
  }
}
