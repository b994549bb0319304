import { Buffer } from 'node:buffer';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Descriptor, defaultLimits, type Entry } from '../../store/index.ts';
import { layoutOf } from '../../store/layout.ts';
import { createTarReader } from '../../store/tar/reader.ts';
import { buildImage } from './image.ts';
import { layerIndexText } from './layer-index-text.ts';
import { type BuiltLayer, buildLayer, file } from './layers.ts';

export interface SyntheticStore {
  /** Of the images in it, those that have a name. */
  readonly names: readonly string[];
}

/** Layers that all images have in common. */
const base = 10;

/**
 * Fills the empty folder `dir` with a store of about `blobs` small blobs, those of `images` images
 * that are pulled and unpacked. Each tenth of them has no name. Everything in it is sound. Written
 * without the care of a store, which would take minutes: nothing is flushed.
 */
export function makeSyntheticStore(dir: string, blobs: number, images: number): SyntheticStore {
  const layout = layoutOf(dir);
  for (const folder of [layout.blobs, layout.ownLayers, layout.leases, layout.ingest]) {
    mkdirSync(folder, { recursive: true });
  }
  const common = Array.from({ length: base }, (_, at) => syntheticLayer(`base ${at}`));
  for (const layer of common) addLayer(layer);
  const own = Math.floor((blobs - base) / images) - 2;
  const manifests: Descriptor[] = [];
  for (let image = 0; image < images; image += 1) {
    const layers = Array.from({ length: own }, (_, at) => syntheticLayer(`${image} ${at}`));
    for (const layer of layers) addLayer(layer);
    const built = buildImage({ layers: [...common, ...layers] });
    for (const { digest } of [built.root, built.config]) {
      writeFileSync(layout.blob(digest), built.blobs.get(digest) ?? '');
    }
    manifests.push({
      ...built.root,
      annotations: { 'org.opencontainers.image.ref.name': `example.com/app-${image}:1.0` },
    });
  }
  const named = manifests.filter((_, at) => at % 10 !== 9);
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: named,
  };
  const text = `${JSON.stringify(index, undefined, 2)}\n`;
  writeFileSync(layout.index, text);
  writeFileSync(layout.indexBackup, text);
  writeFileSync(layout.marker, '{"imageLayoutVersion":"1.0.0"}\n');
  return { names: named.map(({ annotations }) => Object.values(annotations ?? {}).join()) };

  function addLayer({ diffID, descriptor, blob, tar }: BuiltLayer): void {
    writeFileSync(layout.blob(descriptor.digest), blob);
    const paths = layout.layer(diffID);
    mkdirSync(dirname(paths.tar));
    writeFileSync(paths.tar, tar);
    writeFileSync(
      paths.index,
      layerIndexText({ diffID, size: tar.length, entries: entriesOf(tar) }),
    );
  }
}

function syntheticLayer(content: string): BuiltLayer {
  return buildLayer([file('app/content', Buffer.from(content)), file('app/same', 'the same')]);
}

function entriesOf(tar: Uint8Array): Entry[] {
  const entries: Entry[] = [];
  const reader = createTarReader((entry) => {
    entries.push(entry);
  }, defaultLimits);
  reader.push(tar);
  reader.end();
  return entries;
}
