import { Buffer } from 'node:buffer';
import { expect } from 'vitest';
import {
  type Descriptor,
  type Digest,
  digestOf,
  openMemoryStore,
  type Store,
} from '../../../store/index.ts';
import { buildImage } from '../../support/image.ts';
import { type BuiltLayer, buildLayer, directory, file } from '../../support/layers.ts';

/** What must be so, under a key: a later promise of the same key takes the place of the former. */
export interface Vow {
  readonly key: string;
  readonly holds: (store: Store) => Promise<void>;
}

export type Vows = (vow: Vow) => void;

export interface Scenario {
  readonly title: string;
  /** Done before anything goes wrong. */
  readonly before?: (store: Store, vow: Vows) => Promise<void>;
  /** The disk is damaged before it begins, and mended when it is done. */
  readonly isDamaged?: true;
  /** What it throws where it cannot read a document. */
  readonly failsAs?: 'STORE_CORRUPT';
  /** The file system has no hard links. */
  readonly isLinkless?: true;
  /** Every so many calls of a long one go wrong; all when absent. */
  readonly stride?: number;
  /** Can be done again, however far it came. */
  readonly run: (store: Store, vow: Vows) => Promise<void>;
}

export const layerOf = (name: string) => [
  directory('app'),
  file(`app/${name}`, `${name} `.repeat(50)),
];
export const kept = buildImage({ layers: [layerOf('kept'), layerOf('shared')] });
export const image = buildImage({
  layers: [layerOf('new'), layerOf('shared')],
  compression: 'none',
});
export const packed = buildLayer(layerOf('packed'));
export const made = buildLayer(layerOf('made'), { compression: 'none' });
export const bytes = Buffer.from('the bytes of a blob, of which some may come early'.repeat(4));
export const claim = { digest: digestOf(bytes), size: bytes.length };

export async function* pieces(content: Uint8Array, offset = 0) {
  for (let at = offset; at < content.length; at += 100) yield content.subarray(at, at + 100);
}

export async function archiveOf(name: string, built: typeof image): Promise<Uint8Array> {
  const store = await openMemoryStore();
  await pull(store, () => {}, name, built);
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.export()) chunks.push(chunk);
  await store.close();
  return Buffer.concat(chunks);
}

export const archive = archiveOf('new', image);

export async function* cutOff(content: Uint8Array, offset: number) {
  yield content.subarray(offset, 70);
  throw new Error('the line is dead');
}

export function hasBlob(content: Uint8Array): Vow {
  const digest = digestOf(content);
  return {
    key: digest,
    async holds({ blobs }) {
      expect(Buffer.compare(await blobs.read(digest, content.length), content)).toBe(0);
    },
  };
}

export function hasLayer({ diffID, tar }: Pick<BuiltLayer, 'diffID' | 'tar'>): Vow {
  return {
    key: `layer ${diffID}`,
    async holds(store) {
      const layer = await store.layers.open(diffID);
      const found = Buffer.alloc(tar.length);
      layer.readInto(found, 0);
      layer.close();
      expect(found.equals(tar)).toBe(true);
    },
  };
}

/** `roots`: what the name may lead to; undefined where it may be missing. */
export function leads(name: string, ...roots: readonly (Descriptor | undefined)[]): Vow {
  return {
    key: `name ${name}`,
    async holds({ refs }) {
      expect(roots.map((root) => root?.digest)).toContain((await refs.get(name))?.digest);
    },
  };
}

export function hasLease(id: string, digests: readonly Digest[]): Vow {
  return {
    key: `lease ${id}`,
    async holds({ leases }) {
      expect(await leases.list()).toContainEqual(
        expect.objectContaining({ id, alive: true, holds: digests }),
      );
    },
  };
}

export async function setName(
  store: Store,
  vow: Vows,
  name: string,
  root: Descriptor,
): Promise<void> {
  vow(leads(name, await store.refs.get(name), root));
  await store.refs.set(name, root);
  vow(leads(name, root));
}

export async function pull(
  store: Store,
  vow: Vows,
  name: string,
  built: typeof image,
): Promise<void> {
  const { blobs, layers } = store;
  for (const [digest, content] of built.blobs) {
    await blobs.fetch({ digest, size: content.length }, (offset) => pieces(content, offset));
    vow(hasBlob(content));
  }
  for (const layer of built.layers) {
    await layers.ingest(layer.descriptor.digest, layer.diffID);
    vow(hasLayer(layer));
  }
  await setName(store, vow, name, built.root);
}

/** Vows by their keys. */
export function createVows() {
  const vows = new Map<string, Vow>();
  return { vows, vow: (vow: Vow) => void vows.set(vow.key, vow) };
}
