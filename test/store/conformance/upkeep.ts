import { Buffer } from 'node:buffer';
import { expect } from 'vitest';
import type { Store } from '../../../store/index.ts';
import { buildImage } from '../../support/image.ts';
import { directory, file } from '../../support/layers.ts';
import { type Behaviour, blobPath, code, drain, hello, writeFile } from './ground.ts';

const image = buildImage({ layers: [[directory('app'), file('app/bin', 'bytes '.repeat(100))]] });
const [layer] = image.layers;
if (layer === undefined) throw new Error('the image has a layer');

const take = async (store: Store, name: string) => {
  for (const bytes of image.blobs.values()) await store.blobs.put(bytes);
  await store.layers.ingest(layer.descriptor.digest, layer.diffID);
  await store.refs.set(name, image.root);
};

const isWhole = async ({ blobs, layers }: Store) => {
  const sizes = await Promise.all([...image.blobs.keys()].map((digest) => blobs.size(digest)));
  return sizes.every((size) => size !== undefined) && (await layers.has(layer.diffID));
};

export const upkeepBehaviours: readonly Behaviour[] = [
  {
    name: 'Store.gc keeps what a name leads to, and removes it when the name is gone',
    async check(ground) {
      const store = await ground.open();
      await take(store, 'a');
      await store.blobs.put(hello);
      await store.close();
      const removed = async () => (await store.gc()).removed.map(({ kind }) => kind);
      expect(await removed()).toEqual(['blob']);
      expect(await isWhole(store)).toBe(true);
      await store.refs.delete('a');
      await store.close();
      expect((await removed()).sort()).toEqual(['blob', 'blob', 'blob', 'layer']);
      expect(await store.layers.has(layer.diffID)).toBe(false);
    },
  },
  {
    name: 'Store.gc keeps what another open store holds, with all that it refers to',
    async check(ground) {
      const holder = await ground.open();
      await take(holder, 'a');
      const store = await ground.open();
      await store.refs.delete('a');
      expect((await store.gc()).removed).toEqual([]);
      expect(await isWhole(store)).toBe(true);
      await holder.close();
      const blobs = (await store.gc()).removed.filter(({ kind }) => kind === 'blob');
      expect(blobs).toHaveLength(image.blobs.size);
    },
  },
  {
    name: 'Store.gc keeps what a lease names, until it expires',
    async check(ground) {
      const store = await ground.open();
      await take(store, 'a');
      const digests = [image.root.digest];
      const { id } = await store.leases.create({ purpose: 'kept', digests });
      await store.refs.delete('a');
      await store.close();
      await store.gc();
      expect(await isWhole(store)).toBe(true);
      await store.leases.delete(id);
      await store.gc();
      expect(await store.blobs.size(image.root.digest)).toBeUndefined();
    },
  },
  {
    name: 'Store.verify finds nothing wrong with a sound store',
    async check(ground) {
      const store = await ground.open();
      await take(store, 'a');
      const report = await store.verify({ full: true });
      expect(report).toMatchObject({ sound: true, findings: [] });
      expect(report.checked).toMatchObject({ names: 1, layers: 1, blobs: image.blobs.size });
    },
  },
  {
    name: 'Store.verify finds a flipped bit, and fetches the blob anew',
    async check(ground) {
      const store = await ground.open();
      await take(store, 'a');
      const { digest } = image.config;
      const bytes = Buffer.from(image.blobs.get(digest) ?? '');
      const flipped = Buffer.from(bytes);
      flipped[9] = (flipped[9] ?? 0) ^ 1;
      writeFile(ground, blobPath(ground, digest), flipped);
      const found = await store.verify({ full: true });
      expect(found.sound).toBe(false);
      expect(found.findings).toContainEqual(
        expect.objectContaining({ kind: 'blob', name: digest }),
      );
      const refetch = async () => (await store.blobs.put(bytes)) === digest;
      expect((await store.verify({ full: true, repair: true, refetch })).sound).toBe(true);
      expect(await store.blobs.read(digest, bytes.length)).toEqual(bytes);
      expect((await store.verify({ full: true })).sound).toBe(true);
    },
  },
  {
    name: 'Store.import takes in what Store.export gave, with its names',
    async check(ground) {
      const store = await ground.open();
      await take(store, 'a');
      const archive = await drain(store.export());
      const before = await store.refs.list();
      await store.refs.delete('a');
      await store.close();
      await store.gc();
      expect(await store.blobs.size(image.root.digest)).toBeUndefined();
      const pieces = async function* () {
        for (let at = 0; at < archive.length; at += 700) yield archive.subarray(at, at + 700);
      };
      expect(await store.import(pieces())).toMatchObject(before);
      expect(await store.refs.list()).toEqual(before);
      for (const [digest, bytes] of image.blobs) {
        expect(Buffer.compare(await store.blobs.read(digest, bytes.length), bytes)).toBe(0);
      }
      expect(await store.verify({ full: true })).toMatchObject({ sound: true });
    },
  },
  {
    name: 'Store writes nothing when it is for reading only',
    async check(ground) {
      await take(await ground.open(), 'a');
      const store = await ground.open({ readOnly: true });
      expect(await isWhole(store)).toBe(true);
      await take(store, 'a');
      const unusable = code('STORE_UNUSABLE');
      await expect(store.blobs.put(hello)).rejects.toMatchObject(unusable);
      await expect(store.refs.set('b', image.root)).rejects.toMatchObject(unusable);
      await expect(store.refs.delete('a')).rejects.toMatchObject(unusable);
      await expect(store.gc()).rejects.toMatchObject(unusable);
    },
  },
];
