import { Buffer } from 'node:buffer';
import { StoreError } from './error.ts';
import { writeFileWhole } from './files/draft.ts';
import type { Files } from './files/files.ts';
import type { Layout } from './layout.ts';

/** image-layout.md, "oci-layout file". */
export const marker = '{"imageLayoutVersion":"1.0.0"}\n';

/** @throws StoreError `STORE_CORRUPT`; `STORE_VERSION` for a layout of another version. */
export function readMarker(files: Files, layout: Layout): 'missing' | 'sound' {
  const state = inspectMarker(files, layout);
  if (typeof state === 'string') return state;
  throw new StoreError(
    'STORE_CORRUPT',
    `reading ${layout.marker}: found ${state.found}, wanted ${marker.trim()}`,
    { hint: 'osv-convert store verify --repair' },
  );
}

/**
 * The same, with what a damaged one is found to be in words.
 * @throws StoreError `STORE_VERSION`.
 */
export function inspectMarker(
  files: Files,
  layout: Layout,
): 'missing' | 'sound' | { readonly found: string } {
  const bytes = files.readWhole(layout.marker);
  if (bytes === undefined) return 'missing';
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return { found: 'no JSON' };
  }
  const version: unknown =
    value instanceof Object ? Reflect.get(value, 'imageLayoutVersion') : undefined;
  if (typeof version !== 'string' || !/^\d+\.\d+\.\d+$/.test(version)) {
    return { found: `imageLayoutVersion ${JSON.stringify(version)}` };
  }
  if (version !== '1.0.0') {
    throw newerStore(layout, `imageLayoutVersion ${JSON.stringify(version)}`, '"1.0.0"');
  }
  return 'sound';
}

export async function writeMarker(files: Files, layout: Layout): Promise<void> {
  await writeFileWhole(files, layout.ingest, layout.marker, Buffer.from(marker));
}

export function newerStore(layout: Layout, found: string, wanted: string): StoreError {
  return new StoreError(
    'STORE_VERSION',
    `opening the store ${layout.root}: found ${found}, wanted ${wanted}`,
    { hint: 'use the version of the tool that made it, or choose another folder for the store' },
  );
}
