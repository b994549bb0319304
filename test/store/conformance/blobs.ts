import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { digestOf, type StoreEvent } from '../../../store/index.ts';
import {
  absent,
  type Behaviour,
  blobPath,
  chunks,
  code,
  drafts,
  drain,
  expected,
  hello,
  writeFile,
} from './ground.ts';

const wrongClaims = [
  ['SIZE_MISMATCH', 'too short', { ...expected(hello), size: 6 }],
  ['SIZE_MISMATCH', 'too long', { ...expected(hello), size: 4 }],
  ['DIGEST_MISMATCH', 'other bytes', { digest: absent, size: 5 }],
] as const;

export const blobBehaviours: readonly Behaviour[] = [
  {
    name: 'Blobs.write takes a blob, and again when it is there',
    async check(ground) {
      const events: StoreEvent[] = [];
      const { blobs } = await ground.open({ onEvent: (event) => events.push(event) });
      await blobs.write(expected(hello), chunks(Buffer.from('hel'), Buffer.from('lo')));
      await blobs.write(expected(hello), chunks(hello));
      expect(await blobs.size(digestOf(hello))).toBe(5);
      expect(await blobs.read(digestOf(hello), 5)).toEqual(hello);
      expect(events[0]).toEqual({ event: 'blob-written', ...expected(hello) });
      expect(drafts(ground)).toEqual([]);
    },
  },
  {
    name: 'Blobs.write succeeds for all when several write the same blob',
    async check(ground) {
      const big = randomBytes(3_000_000);
      const slices = [0, 1, 2].map((n) => big.subarray(n * 1_000_000, (n + 1) * 1_000_000));
      const stores = await Promise.all([1, 2, 3].map(() => ground.open()));
      await Promise.all(stores.map(({ blobs }) => blobs.write(expected(big), chunks(...slices))));
      const found = await stores[0]?.blobs.read(digestOf(big), 3_000_000);
      expect(found && Buffer.compare(found, big)).toBe(0);
      expect(drafts(ground)).toEqual([]);
    },
  },
  ...wrongClaims.map(
    ([wanted, what, claim]) =>
      ({
        name: `Blobs.write fails as ${wanted} and leaves nothing when the source gives ${what}`,
        async check(ground) {
          const { blobs } = await ground.open();
          await expect(blobs.write(claim, chunks(hello))).rejects.toMatchObject(code(wanted));
          expect(await blobs.size(claim.digest)).toBeUndefined();
          expect(drafts(ground)).toEqual([]);
        },
      }) satisfies Behaviour,
  ),
  {
    name: 'Blobs.write closes its source and leaves nothing when it is aborted',
    async check(ground) {
      const { blobs } = await ground.open();
      const controller = new AbortController();
      let closed = false;
      const endless = async function* () {
        try {
          for (let n = 0; ; n += 1) {
            if (n === 3) controller.abort(new Error('enough'));
            yield Buffer.alloc(1000);
          }
        } finally {
          closed = true;
        }
      };
      const claim = { digest: absent, size: 1e9 };
      await expect(blobs.write(claim, endless(), controller)).rejects.toThrow('enough');
      expect(closed).toBe(true);
      expect(drafts(ground)).toEqual([]);
    },
  },
  {
    name: 'Blobs.write passes on the failure of its source as it is',
    async check(ground) {
      const { blobs } = await ground.open();
      const failure = Object.assign(new Error('reset'), { code: 'ECONNRESET', syscall: 'read' });
      const broken = async function* () {
        yield hello;
        throw failure;
      };
      await expect(blobs.write({ digest: absent, size: 9 }, broken())).rejects.toBe(failure);
      expect(drafts(ground)).toEqual([]);
    },
  },
  {
    name: 'Blobs.put takes an empty blob',
    async check(ground) {
      const { blobs } = await ground.open();
      const digest = await blobs.put(new Uint8Array());
      expect(await blobs.size(digest)).toBe(0);
      expect(await drain(blobs.stream(digest))).toHaveLength(0);
    },
  },
  {
    name: 'Blobs.put writes a blob again when its file has lost bytes',
    async check(ground) {
      const { blobs } = await ground.open();
      const digest = await blobs.put(hello);
      writeFile(ground, blobPath(ground, digest), 'he');
      await blobs.put(hello);
      expect(await blobs.read(digest, 5)).toEqual(hello);
    },
  },
  {
    name: 'Blobs.read, stream and open fail as BLOB_MISSING when there is none',
    async check(ground) {
      const { blobs } = await ground.open();
      const missing = { ...code('BLOB_MISSING'), digest: absent };
      await expect(blobs.read(absent, 10)).rejects.toMatchObject(missing);
      await expect(drain(blobs.stream(absent))).rejects.toMatchObject(missing);
      await expect(blobs.open(absent)).rejects.toMatchObject(missing);
    },
  },
  {
    name: 'Blobs.read fails as SIZE_MISMATCH when the blob is larger than the cap',
    async check(ground) {
      const { blobs } = await ground.open();
      const digest = await blobs.put(hello);
      await expect(blobs.read(digest, 4)).rejects.toMatchObject(code('SIZE_MISMATCH'));
    },
  },
  {
    name: 'Blobs.read and stream fail as STORE_CORRUPT when the file has changed',
    async check(ground) {
      const { blobs } = await ground.open();
      const digest = await blobs.put(hello);
      writeFile(ground, blobPath(ground, digest), 'jello');
      const damage = { ...code('STORE_CORRUPT'), digest };
      await expect(blobs.read(digest, 5)).rejects.toMatchObject(damage);
      await expect(drain(blobs.stream(digest))).rejects.toMatchObject(damage);
    },
  },
  {
    name: 'Blobs.stream stops when it is aborted',
    async check(ground) {
      const { blobs } = await ground.open();
      const digest = await blobs.put(randomBytes(3_000_000));
      const controller = new AbortController();
      const seen: number[] = [];
      const reading = async () => {
        for await (const chunk of blobs.stream(digest, controller)) {
          seen.push(chunk.length);
          controller.abort(new Error('enough'));
        }
      };
      await expect(reading()).rejects.toThrow('enough');
      expect(seen).toHaveLength(1);
    },
  },
  {
    name: 'Blobs.open reads at any position, less at the end and nothing behind it',
    async check(ground) {
      const { blobs } = await ground.open();
      const blob = await blobs.open(await blobs.put(hello));
      expect(blob.size).toBe(5);
      expect(blob.path).toBe(blobPath(ground, digestOf(hello)));
      expect(await blob.read(1, 3)).toEqual(Buffer.from('ell'));
      expect(await blob.read(3, 9)).toEqual(Buffer.from('lo'));
      expect(await blob.read(9, 9)).toHaveLength(0);
      await blob.close();
    },
  },
  {
    name: 'Blobs.open reads to the end what lost its name meanwhile',
    async check(ground) {
      const { blobs } = await ground.open();
      const digest = await blobs.put(hello);
      const blob = await blobs.open(digest);
      ground.files.remove(blobPath(ground, digest));
      expect(await blob.read(0, 5)).toEqual(hello);
      await blob.close();
      expect(await blobs.size(digest)).toBeUndefined();
    },
  },
];
