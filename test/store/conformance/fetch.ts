import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { expect } from 'vitest';
import { digestOf, type StoreEvent } from '../../../store/index.ts';
import { layoutOf } from '../../../store/layout.ts';
import {
  type Behaviour,
  blobPath,
  code,
  expected,
  type Ground,
  locks,
  partials,
  readFile,
  writeFile,
} from './ground.ts';

const bytes = Buffer.from('the bytes of a blob, of which some may come early');
const claim = expected(bytes);

const blob = (ground: Ground) => readFile(ground, blobPath(ground, claim.digest));
const partialPath = ({ dir }: Ground) => layoutOf(dir).partial(claim.digest);
const partial = (ground: Ground) => readFile(ground, partialPath(ground));

/** Gives `content` in pieces of ten bytes, and remembers from where it was asked. */
function createFarEnd(content: Uint8Array = bytes) {
  const offsets: number[] = [];
  return {
    offsets,
    async *open(offset: number) {
      offsets.push(offset);
      for (let at = offset; at < content.length; at += 10) {
        await new Promise(setImmediate);
        yield content.subarray(at, at + 10);
      }
    },
  };
}

/** Ten bytes, then nothing until the transfer is aborted. */
async function* stalling(offset: number, signal: AbortSignal) {
  yield bytes.subarray(offset, offset + 10);
  await once(signal, 'abort');
  throw signal.reason;
}

const wrongPartials: readonly [string, Uint8Array, readonly number[]][] = [
  ['is longer than the blob', Buffer.concat([bytes, bytes]), [0]],
  ['begins with other bytes', Buffer.from('other'), [5, 0]],
  ['is as long and not the same', Buffer.alloc(bytes.length), [0]],
];

export const fetchBehaviours: readonly Behaviour[] = [
  {
    name: 'Blobs.fetch brings a blob in and tells what there is',
    async check(ground) {
      const events: StoreEvent[] = [];
      const { blobs } = await ground.open({ onEvent: (event) => events.push(event) });
      const told: number[] = [];
      await blobs.fetch(claim, createFarEnd().open, {
        onProgress: ({ received, size }) => {
          expect(size).toBe(bytes.length);
          told.push(received);
        },
      });
      expect(blob(ground)).toEqual(bytes);
      expect(told).toEqual([0, 10, 20, 30, 40, 49]);
      expect(events).toEqual([{ event: 'blob-written', ...claim }]);
      expect([...partials(ground), ...locks(ground)]).toEqual([]);
    },
  },
  {
    name: 'Blobs.fetch asks for nothing when the blob is there, and for an empty blob',
    async check(ground) {
      const { blobs } = await ground.open();
      const farEnd = createFarEnd();
      await blobs.put(bytes);
      await blobs.fetch(claim, farEnd.open);
      const empty = Buffer.alloc(0);
      await blobs.fetch({ digest: digestOf(empty), size: 0 }, farEnd.open);
      expect(await blobs.size(digestOf(empty))).toBe(0);
      expect(farEnd.offsets).toEqual([]);
    },
  },
  {
    name: 'Blobs.fetch transfers once when many want it, through several stores on one folder',
    async check(ground) {
      const stores = await Promise.all([1, 2, 3].map(() => ground.open()));
      const farEnd = createFarEnd();
      const ends: number[] = [];
      await Promise.all(
        Array.from({ length: 30 }, (_, n) =>
          stores[n % 3]?.blobs.fetch(claim, farEnd.open, {
            onProgress: ({ received }) => {
              ends[n] = received;
            },
          }),
        ),
      );
      expect(farEnd.offsets).toEqual([0]);
      expect(ends).toEqual(Array(30).fill(bytes.length));
    },
  },
  {
    name: 'Blobs.fetch tells the end to who joins when all has come',
    async check(ground) {
      const { blobs } = await ground.open();
      const farEnd = createFarEnd();
      let end = 0;
      let late: Promise<void> | undefined;
      await blobs.fetch(claim, farEnd.open, {
        onProgress: ({ received }) => {
          if (received < bytes.length) return;
          late ??= blobs.fetch(claim, farEnd.open, {
            onProgress: (progress) => {
              end = progress.received;
            },
          });
        },
      });
      await late;
      expect(end).toBe(bytes.length);
      expect(farEnd.offsets).toEqual([0]);
    },
  },
  {
    name: 'Blobs.fetch goes on for the others when one aborts',
    async check(ground) {
      const { blobs } = await ground.open();
      const farEnd = createFarEnd();
      const leaving = new AbortController();
      const first = blobs.fetch(claim, farEnd.open, {
        signal: leaving.signal,
        onProgress: ({ received }) => received === 20 && leaving.abort(new Error('left')),
      });
      const second = blobs.fetch(claim, farEnd.open);
      await expect(first).rejects.toThrow('left');
      await second;
      expect(farEnd.offsets).toEqual([0]);
      expect(blob(ground)).toEqual(bytes);
    },
  },
  {
    name: 'Blobs.fetch ends when all abort, keeps what came, and continues there',
    async check(ground) {
      const { blobs } = await ground.open();
      const callers = [new AbortController(), new AbortController()];
      const fetches = callers.map(({ signal }) =>
        blobs.fetch(claim, stalling, {
          signal,
          onProgress: ({ received }) => {
            if (received > 0) for (const caller of callers) caller.abort(new Error('left'));
          },
        }),
      );
      const ends = await Promise.allSettled(fetches);
      expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      expect(partial(ground)).toEqual(bytes.subarray(0, 10));
      expect(locks(ground)).toEqual([]);
      const farEnd = createFarEnd();
      await blobs.fetch(claim, farEnd.open);
      expect(farEnd.offsets).toEqual([10]);
      expect(blob(ground)).toEqual(bytes);
    },
  },
  {
    name: 'Blobs.fetch keeps what came when the source fails, and throws what it threw',
    async check(ground) {
      const { blobs } = await ground.open();
      const failing = async function* () {
        yield bytes.subarray(0, 12);
        throw new Error('the line is dead');
      };
      await expect(blobs.fetch(claim, failing)).rejects.toThrow('the line is dead');
      expect(partial(ground)).toEqual(bytes.subarray(0, 12));
      expect(blob(ground)).toBeUndefined();
    },
  },
  {
    name: 'Blobs.fetch commits a whole partial file without asking for more',
    async check(ground) {
      writeFile(ground, partialPath(ground), bytes);
      const { blobs } = await ground.open();
      const farEnd = createFarEnd();
      await blobs.fetch(claim, farEnd.open);
      expect(farEnd.offsets).toEqual([]);
      expect(blob(ground)).toEqual(bytes);
    },
  },
  ...wrongPartials.map(
    ([what, left, offsets]) =>
      ({
        name: `Blobs.fetch fetches anew when the partial file ${what}`,
        async check(ground) {
          writeFile(ground, partialPath(ground), left);
          const { blobs } = await ground.open();
          const farEnd = createFarEnd();
          await blobs.fetch(claim, farEnd.open);
          expect(farEnd.offsets).toEqual(offsets);
          expect(blob(ground)).toEqual(bytes);
        },
      }) satisfies Behaviour,
  ),
  {
    name: 'Blobs.fetch fails as DIGEST_MISMATCH, and keeps nothing, when other bytes come',
    async check(ground) {
      const { blobs } = await ground.open();
      const farEnd = createFarEnd(Buffer.alloc(bytes.length));
      await expect(blobs.fetch(claim, farEnd.open)).rejects.toMatchObject(code('DIGEST_MISMATCH'));
      expect(partial(ground) ?? blob(ground)).toBeUndefined();
    },
  },
  {
    name: 'Blobs.fetch fails as SIZE_MISMATCH, and keeps nothing, when too much comes',
    async check(ground) {
      const { blobs } = await ground.open();
      const farEnd = createFarEnd(Buffer.concat([bytes, bytes]));
      await expect(blobs.fetch(claim, farEnd.open)).rejects.toMatchObject(code('SIZE_MISMATCH'));
      expect(partial(ground) ?? blob(ground)).toBeUndefined();
    },
  },
  {
    name: 'Blobs.fetch fails as SIZE_MISMATCH, and keeps what came, when too little comes',
    async check(ground) {
      const { blobs } = await ground.open();
      const farEnd = createFarEnd(bytes.subarray(0, 30));
      await expect(blobs.fetch(claim, farEnd.open)).rejects.toMatchObject(code('SIZE_MISMATCH'));
      expect(partial(ground)).toEqual(bytes.subarray(0, 30));
    },
  },
];
