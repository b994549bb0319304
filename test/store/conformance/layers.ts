import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { expect } from 'vitest';
import { digestOf, parseDiffID, type StoreEvent } from '../../../store/index.ts';
import { layoutOf } from '../../../store/layout.ts';
import {
  buildLayer,
  directory,
  file,
  hardlink,
  layerTar,
  opaque,
  special,
  symlink,
  whiteout,
} from '../../support/layers.ts';
import {
  absent,
  type Behaviour,
  blobPath,
  chunks,
  code,
  drafts,
  type Ground,
  locks,
  readFile,
  writeFile,
} from './ground.ts';

const items = [
  directory('', { mtime: 3 }),
  directory('app', { mode: 0o1777, uid: 10, xattrs: { 'user.x': 'AP8=' } }),
  file('app/bin', randomBytes(300_000), { mode: 0o755, mtime: 1.5 }),
  file('app/caf\udce9', ''),
  hardlink('app/again', 'app/bin'),
  symlink('app/link', '/etc/../\udcff'),
  special('dev', 'character', 1, 3),
  whiteout('app/old'),
  opaque('cache'),
];

const built = buildLayer(items);

const folder = ({ dir }: Ground) => layoutOf(dir).layer(built.diffID).folder;

const wrongLayers = [
  ['DIGEST_MISMATCH', 'the uncompressed digest is another', built.blob, parseDiffID(absent)],
  ['LAYER_CORRUPT', 'the stream is cut off', built.blob.subarray(0, -10), built.diffID],
  ['LAYER_CORRUPT', 'the tar is cut off', built.tar.subarray(0, 200_000), built.diffID],
  ['LAYER_CORRUPT', 'it is no tar', Buffer.alloc(1024, 'x'), built.diffID],
] as const;

const damages: readonly [string, 'index' | 'tar', ((text: string) => string) | undefined][] = [
  ['the index is no JSON', 'index', (text) => text.slice(1)],
  ['the index is empty', 'index', () => ''],
  ['the index is of another version', 'index', (text) => text.replace('2', '1')],
  ['the index is of another layer', 'index', (text) => text.replace(/:[0-9a-f]{8}/, ':00000000')],
  ['an entry of the index is another', 'index', (text) => text.replace('"mode":4', '"mode":5')],
  ['the tar has lost bytes', 'tar', () => ''],
  ['the tar is gone', 'tar', undefined],
];

export const layerBehaviours: readonly Behaviour[] = [
  ...(['gzip', 'zstd', 'none'] as const).map(
    (compression) =>
      ({
        name: `Layers.ingest takes a layer when it is ${compression}`,
        async check(ground) {
          const events: StoreEvent[] = [];
          const store = await ground.open({ onEvent: (event) => events.push(event) });
          const built = buildLayer(items, { compression });
          const blob = await store.blobs.put(built.blob);
          await store.layers.ingest(blob, built.diffID);
          await store.layers.ingest(blob, built.diffID);
          expect(await store.layers.has(built.diffID)).toBe(true);
          const layer = await store.layers.open(built.diffID);
          expect(layer.index).toMatchObject({ diffID: built.diffID, size: built.tar.length });
          for (const [at, { entry, bytes }] of items.entries()) {
            const found = layer.index.entries[at];
            expect(found).toMatchObject(entry);
            if (found?.kind === 'file') {
              const read = Buffer.alloc(found.size);
              layer.readInto(read, found.offset);
              expect(read.equals(bytes)).toBe(true);
              expect(found.digest).toBe(digestOf(bytes));
            }
          }
          layer.close();
          const size = built.blob.length;
          expect(events).toContainEqual({
            event: 'layer-progress',
            digest: blob,
            read: size,
            size,
          });
          const { diffID, tar } = built;
          expect(events.filter(({ event }) => event === 'layer-written')).toEqual([
            { event: 'layer-written', diffID, size: tar.length, entries: items.length },
          ]);
          expect(drafts(ground)).toEqual([]);
        },
      }) satisfies Behaviour,
  ),
  ...wrongLayers.map(
    ([wanted, what, bytes, diffID]) =>
      ({
        name: `Layers.ingest fails as ${wanted} and leaves nothing when ${what}`,
        async check(ground) {
          const { blobs, layers } = await ground.open();
          const blob = await blobs.put(bytes);
          await expect(layers.ingest(blob, diffID)).rejects.toMatchObject(code(wanted));
          expect(await layers.has(diffID)).toBe(false);
          expect(ground.files.stat(folder(ground))).toBeUndefined();
          expect([...drafts(ground), ...locks(ground)]).toEqual([]);
        },
      }) satisfies Behaviour,
  ),
  {
    name: 'Layers.ingest fails as BLOB_MISSING when there is no such blob',
    async check(ground) {
      const { layers } = await ground.open();
      const failed = expect(layers.ingest(absent, built.diffID)).rejects;
      await failed.toMatchObject(code('BLOB_MISSING'));
    },
  },
  {
    name: 'Layers.ingest fails as STORE_CORRUPT when the blob has rotted',
    async check(ground) {
      const { blobs, layers } = await ground.open();
      const blob = await blobs.put(built.blob);
      writeFile(ground, blobPath(ground, blob), Buffer.from(built.blob).fill(0, 100, 200));
      const failed = expect(layers.ingest(blob, built.diffID)).rejects;
      await failed.toMatchObject({ ...code('STORE_CORRUPT'), digest: blob });
    },
  },
  {
    name: 'Layers.ingest fails as LAYER_LIMIT and leaves nothing when the layer is too large',
    async check(ground) {
      const { blobs, layers } = await ground.open({ limits: { layerSize: 1000 } });
      const blob = await blobs.put(built.blob);
      await expect(layers.ingest(blob, built.diffID)).rejects.toMatchObject(code('LAYER_LIMIT'));
      expect(drafts(ground)).toEqual([]);
    },
  },
  {
    name: 'Layers.ingest leaves nothing when it is aborted',
    async check(ground) {
      const controller = new AbortController();
      const onEvent = ({ event }: StoreEvent) => {
        if (event === 'layer-progress') controller.abort(new Error('enough'));
      };
      const { blobs, layers } = await ground.open({ onEvent });
      const large = buildLayer([file('a', randomBytes(4_000_000))]);
      const blob = await blobs.put(large.blob);
      await expect(layers.ingest(blob, large.diffID, controller)).rejects.toThrow('enough');
      expect(await layers.has(large.diffID)).toBe(false);
      expect([...drafts(ground), ...locks(ground)]).toEqual([]);
    },
  },
  {
    name: 'Layers.ingest unpacks once when many want the layer, through several stores on one folder',
    async check(ground) {
      const written: StoreEvent[] = [];
      const onEvent = (event: StoreEvent) => {
        if (event.event === 'layer-written') written.push(event);
      };
      const stores = await Promise.all([1, 2, 3].map(() => ground.open({ onEvent })));
      const digest = (await stores[0]?.blobs.put(built.blob)) ?? absent;
      await Promise.all(
        Array.from({ length: 12 }, (_, n) => stores[n % 3]?.layers.ingest(digest, built.diffID)),
      );
      expect(written).toHaveLength(1);
      expect(locks(ground)).toEqual([]);
    },
  },
  {
    name: 'Layers.ingest takes a layer again when only its tar was committed',
    async check(ground) {
      const { blobs, layers } = await ground.open();
      const blob = await blobs.put(built.blob);
      await layers.ingest(blob, built.diffID);
      ground.files.remove(join(folder(ground), 'index'));
      expect(await layers.has(built.diffID)).toBe(false);
      await layers.ingest(blob, built.diffID);
      (await layers.open(built.diffID)).close();
    },
  },
  {
    name: 'Layers.write takes a tar made here as a layer and, with no more room, as a blob',
    async check(ground) {
      const { blobs, layers } = await ground.open();
      const tar = layerTar(items);
      const written = await layers.write(chunks(tar.subarray(0, 700), tar.subarray(700)));
      expect(written).toEqual({ diffID: digestOf(tar), size: tar.length });
      expect(await layers.write(chunks(tar))).toEqual(written);
      const blob = await blobs.read(written.diffID, tar.length);
      expect(Buffer.compare(blob, tar)).toBe(0);
      (await layers.open(written.diffID)).close();
      expect(ground.files.stat(blobPath(ground, written.diffID))?.links).toBe(2);
      expect(drafts(ground)).toEqual([]);
    },
  },
  {
    name: 'Layers.open fails as BLOB_MISSING when the layer was never taken in',
    async check(ground) {
      const { layers } = await ground.open();
      const failed = expect(layers.open(built.diffID)).rejects;
      await failed.toMatchObject({ ...code('BLOB_MISSING'), digest: built.diffID });
    },
  },
  ...damages.map(
    ([what, name, change]) =>
      ({
        name: `Layers.open fails as STORE_CORRUPT when ${what}`,
        async check(ground) {
          const { blobs, layers } = await ground.open();
          await layers.ingest(await blobs.put(built.blob), built.diffID);
          const path = join(folder(ground), name);
          const text = readFile(ground, path)?.toString('latin1') ?? '';
          if (change === undefined) ground.files.remove(path);
          else writeFile(ground, path, Buffer.from(change(text), 'latin1'));
          await expect(layers.open(built.diffID)).rejects.toMatchObject({
            ...code('STORE_CORRUPT'),
            message: expect.stringContaining(path),
            digest: built.diffID,
            hint: 'osv-convert store verify --repair',
          });
        },
      }) satisfies Behaviour,
  ),
];
