import { Buffer } from 'node:buffer';
import { hexOf } from '../../store/index.ts';
import { jsonBytes } from './descriptor.ts';
import type { BuiltImage, Image } from './image.ts';
import { directory, file, type LayerItem, layerTar } from './layers.ts';

const named = (names: readonly string[], image: Image) =>
  names.map((name) => ({
    ...image.root,
    annotations: { 'org.opencontainers.image.ref.name': name },
  }));

/** The members of an OCI image layout, each image listed under its names. */
export function ociMembers(images: readonly (readonly [readonly string[], Image])[]): LayerItem[] {
  const blobs = new Map(images.flatMap(([, image]) => [...image.blobs]));
  const manifests = images.flatMap(([names, image]) =>
    names.length === 0 ? [image.root] : named(names, image),
  );
  return [
    directory('blobs'),
    directory('blobs/sha256'),
    ...[...blobs].map(([digest, bytes]) => file(`blobs/sha256/${hexOf(digest)}`, bytes)),
    file('index.json', jsonBytes({ schemaVersion: 2, manifests })),
    file('oci-layout', '{"imageLayoutVersion":"1.0.0"}'),
  ];
}

/** The members of what `docker save` wrote before version 25. */
export function dockerMembers(
  images: readonly (readonly [readonly string[], BuiltImage])[],
): LayerItem[] {
  const members = new Map<string, LayerItem>();
  const add = (name: string, bytes: Uint8Array) => {
    members.set(name, file(name, bytes));
    return name;
  };
  const items = images.map(([RepoTags, image]) => ({
    Config: add(
      `${hexOf(image.config.digest)}.json`,
      image.blobs.get(image.config.digest) ?? Buffer.alloc(0),
    ),
    RepoTags,
    Layers: image.layers.map((layer) => add(`${hexOf(layer.diffID)}/layer.tar`, layer.tar)),
  }));
  return [...members.values(), file('manifest.json', jsonBytes(items))];
}

export function archiveOf(members: readonly LayerItem[]): Uint8Array {
  return layerTar(members);
}
