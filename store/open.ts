import { Buffer } from 'node:buffer';
import { readdir, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createBlobs } from './blobs.ts';
import { makeFolder, writeFileWhole } from './draft.ts';
import { StoreError } from './error.ts';
import { ifPresent, storing } from './io-error.ts';
import { createLayers } from './layers.ts';
import { type Layout, layersVersion, layoutOf } from './layout.ts';
import { defaultLimits } from './limits.ts';
import { createRefs, ensureIndex } from './refs.ts';
import type { OpenStoreOptions, Store } from './store.ts';
import { sweep } from './sweep.ts';

/**
 * Opens the store in the folder `dir`. Nothing is written until something is taken in, so that a
 * folder that cannot be written can still be read; a folder that is missing or empty becomes a
 * store with the first write.
 * @throws StoreError `STORE_UNUSABLE` for a folder with other things in it, `STORE_VERSION` for a
 * store of a later version, `STORE_CORRUPT`.
 */
export async function openStore(dir: string, options: OpenStoreOptions = {}): Promise<Store> {
  const layout = layoutOf(resolve(dir));
  await checkLayout(layout);
  const onEvent = options.onEvent ?? (() => {});
  const limits = { ...defaultLimits, ...options.limits };
  let prepared: Promise<void> | undefined;
  const prepare = () => {
    prepared ??= makeLayout(layout).catch((error: unknown) => {
      prepared = undefined;
      throw error;
    });
    return prepared;
  };
  const blobs = createBlobs(layout, prepare, onEvent);
  return {
    path: layout.root,
    blobs,
    layers: createLayers({ layout, blobs, limits, prepare, onEvent }),
    refs: createRefs(layout, prepare),
  };
}

/** image-layout.md, "oci-layout file". */
const marker = '{"imageLayoutVersion":"1.0.0"}\n';

async function checkLayout(layout: Layout): Promise<void> {
  const names = await ifPresent(layout.root, () => readdir(layout.root));
  const text = await ifPresent(layout.marker, () => readFile(layout.marker, 'utf8'));
  if (text === undefined) {
    // A store that is just being made has its folder for drafts before it has its marker.
    const foreign = names?.find((name) => name !== 'ingest');
    if (foreign !== undefined) {
      throw new StoreError(
        'STORE_UNUSABLE',
        `opening the store ${layout.root}: found ${JSON.stringify(foreign)} and no oci-layout file, wanted an OCI image layout or an empty folder`,
        { hint: 'choose another folder for the store' },
      );
    }
    return;
  }
  checkMarker(layout, text);
  const versions = await ifPresent(layout.layers, () => readdir(layout.layers));
  if (versions !== undefined && versions.length > 0 && !versions.includes(layersVersion)) {
    throw newer(layout, `layers of version ${versions.sort().join(', ')}`, layersVersion);
  }
}

function checkMarker(layout: Layout, text: string): void {
  let version: unknown;
  try {
    const value: unknown = JSON.parse(text);
    version = value instanceof Object ? Reflect.get(value, 'imageLayoutVersion') : undefined;
  } catch (error) {
    throw new StoreError(
      'STORE_CORRUPT',
      `reading ${layout.marker}: found no JSON, wanted ${marker.trim()}`,
      { cause: error, hint: `echo '${marker.trim()}' > '${layout.marker}'` },
    );
  }
  if (version !== '1.0.0') {
    throw newer(layout, `imageLayoutVersion ${JSON.stringify(version)}`, '"1.0.0"');
  }
}

function newer(layout: Layout, found: string, wanted: string): StoreError {
  return new StoreError(
    'STORE_VERSION',
    `opening the store ${layout.root}: found ${found}, wanted ${wanted}`,
    { hint: 'use the version of the tool that made it, or choose another folder for the store' },
  );
}

async function makeLayout(layout: Layout): Promise<void> {
  await storing(layout.ingest, () => makeFolder(layout.ingest));
  if ((await ifPresent(layout.marker, () => readFile(layout.marker))) === undefined) {
    await writeFileWhole(layout.ingest, layout.marker, Buffer.from(marker));
  }
  await storing(layout.leases, () => makeFolder(layout.leases));
  await ensureIndex(layout);
  await sweep(layout);
}
