import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { digestOf, type StoreEvent } from '../../../store/index.ts';
import { layoutOf } from '../../../store/layout.ts';
import { buildLayer, file } from '../../support/layers.ts';
import {
  type Behaviour,
  blobPath,
  code,
  drafts,
  expected,
  type Ground,
  locks,
  partials,
  readFile,
  writeFile,
} from './ground.ts';

const compressions = ['gzip', 'zstd', 'none'] as const;
const items = [file('a', randomBytes(900_000)), file('b', Buffer.from('short'))];
const built = buildLayer(items, { compression: 'gzip' });
const claim = expected(built.blob);

/** Gives `content` in pieces that tar, zlib and file system all cut elsewhere. */
const sending = (content: Uint8Array) =>
  async function* (offset: number) {
    for (let at = offset; at < content.length; at += 70_000) {
      await new Promise(setImmediate);
      yield content.subarray(at, at + 70_000);
    }
  };

const other = buildLayer([file('other', 'x')]);
const garbage = randomBytes(built.blob.length);

const failures: readonly [string, string, Uint8Array, typeof claim, typeof built.diffID][] = [
  ['DIGEST_MISMATCH', 'other bytes come', garbage, claim, built.diffID],
  ['SIZE_MISMATCH', 'too few bytes come', built.blob.subarray(0, 600_000), claim, built.diffID],
  ['DIGEST_MISMATCH', 'it is another layer', built.blob, claim, other.diffID],
  ['LAYER_CORRUPT', 'the blob is no layer', garbage, expected(garbage), built.diffID],
];

const leftovers = (ground: Ground) => [...drafts(ground), ...locks(ground)];

export const arrivalBehaviours: readonly Behaviour[] = [
  ...compressions.map(
    (compression) =>
      ({
        name: `Layers.fetch brings a layer in, its blob first, when it is ${compression}`,
        async check(ground) {
          const events: StoreEvent[] = [];
          const store = await ground.open({ onEvent: (event) => events.push(event) });
          const { blob, diffID } = buildLayer(items, { compression });
          await store.layers.fetch(expected(blob), diffID, sending(blob));
          const kept = readFile(ground, blobPath(ground, digestOf(blob)));
          expect(kept?.equals(blob)).toBe(true);
          const layer = await store.layers.open(diffID);
          expect(layer.index.entries.map(({ path }) => path)).toEqual(['a', 'b']);
          layer.close();
          const written = events.map(({ event }) => event).filter((one) => one.endsWith('written'));
          expect(written).toEqual(['blob-written', 'layer-written']);
          expect([...leftovers(ground), ...partials(ground)]).toEqual([]);
        },
      }) satisfies Behaviour,
  ),
  {
    name: 'Layers.fetch unpacks before all has come',
    async check(ground) {
      let unpacked = 0;
      let seen = 0;
      const store = await ground.open({
        onEvent: (event) => {
          if (event.event === 'layer-progress') unpacked = event.read;
        },
      });
      await store.layers.fetch(claim, built.diffID, async function* () {
        yield built.blob.subarray(0, 600_000);
        while (unpacked === 0) await new Promise(setImmediate);
        seen = unpacked;
        yield built.blob.subarray(600_000);
      });
      expect(seen).toBeGreaterThan(0);
      expect(seen).toBeLessThan(claim.size);
      expect(await store.layers.has(built.diffID)).toBe(true);
    },
  },
  ...failures.map(
    ([wanted, what, bytes, { digest, size }, diffID]) =>
      ({
        name: `Layers.fetch fails as ${wanted} and leaves no layer when ${what}`,
        async check(ground) {
          const { layers } = await ground.open();
          const fetching = layers.fetch({ digest, size }, diffID, sending(bytes));
          await expect(fetching).rejects.toMatchObject(code(wanted));
          expect(await layers.has(diffID)).toBe(false);
          expect(leftovers(ground)).toEqual([]);
        },
      }) satisfies Behaviour,
  ),
  {
    name: 'Layers.fetch keeps the blob when it is no layer',
    async check(ground) {
      const { blobs, layers } = await ground.open();
      const wrong = expected(garbage);
      const fetching = layers.fetch(wrong, built.diffID, sending(garbage));
      await expect(fetching).rejects.toMatchObject(code('LAYER_CORRUPT'));
      expect(await blobs.size(wrong.digest)).toBe(garbage.length);
    },
  },
  {
    name: 'Layers.fetch begins anew, and succeeds, when what an earlier transfer left is wrong',
    async check(ground) {
      const { layers } = await ground.open();
      // It makes the folder, and leaves nothing in it.
      await layers.fetch(claim, built.diffID, sending(garbage)).catch(() => undefined);
      const wrong = [built.blob.subarray(0, 500_000), garbage.subarray(0, 200_000)];
      writeFile(ground, layoutOf(ground.dir).partial(claim.digest), Buffer.concat(wrong));
      await layers.fetch(claim, built.diffID, sending(built.blob));
      expect(await layers.has(built.diffID)).toBe(true);
      expect(leftovers(ground)).toEqual([]);
    },
  },
  {
    name: 'Layers.fetch keeps what came, and unpacks nothing, when it is aborted',
    async check(ground) {
      const { layers } = await ground.open();
      const controller = new AbortController();
      const stalling = async function* (_: number, signal: AbortSignal) {
        yield built.blob.subarray(0, 600_000);
        controller.abort(new Error('enough'));
        while (!signal.aborted) await new Promise(setImmediate);
        throw signal.reason;
      };
      const fetching = layers.fetch(claim, built.diffID, stalling, controller);
      await expect(fetching).rejects.toThrow('enough');
      expect(await layers.has(built.diffID)).toBe(false);
      expect(leftovers(ground)).toEqual([]);
      expect(partials(ground)).toHaveLength(1);
      await layers.fetch(claim, built.diffID, sending(built.blob));
      expect(await layers.has(built.diffID)).toBe(true);
    },
  },
  {
    name: 'Layers.fetch brings only the blob in when the layer is there',
    async check(ground) {
      const events: StoreEvent[] = [];
      const { blobs, layers } = await ground.open({ onEvent: (event) => events.push(event) });
      await layers.write(
        (async function* () {
          yield built.tar;
        })(),
      );
      await layers.fetch(claim, built.diffID, sending(built.blob));
      expect(await blobs.size(claim.digest)).toBe(claim.size);
      expect(events.filter(({ event }) => event === 'layer-progress')).toEqual([]);
    },
  },
];
