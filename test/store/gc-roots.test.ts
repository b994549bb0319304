import { randomBytes } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Files } from '../../store/files/files.ts';
import { nodeFiles } from '../../store/files/node.ts';
import { myself } from '../../store/files/owner.ts';
import { openStore } from '../../store/index.ts';
import { buildImage, buildIndex } from '../support/image.ts';
import { file } from '../support/layers.ts';
import {
  age,
  blobPath,
  blobsLeft,
  day,
  digestsOf,
  dir,
  gc,
  hour,
  imageOf,
  indexBytes,
  leaseText,
  load,
  using,
  write,
} from './gc-store.ts';

const names = async () => using(async ({ refs }) => (await refs.list()).map(({ name }) => name));

/** Does `act` before the first call of `name` that `when` says. */
function acting<K extends 'symlink' | 'remove' | 'stat'>(
  name: K,
  when: (path: string) => boolean,
  act: () => void,
  files: Files = nodeFiles,
): Files {
  let done = false;
  const before = (path: string): void => {
    if (done || !when(path)) return;
    done = true;
    act();
  };
  return {
    ...files,
    symlink(target, path) {
      if (name === 'symlink') before(path);
      return files.symlink(target, path);
    },
    remove(path) {
      if (name === 'remove') before(path);
      return files.remove(path);
    },
    stat(path) {
      if (name === 'stat') before(path);
      return files.stat(path);
    },
  };
}

const isGate = (path: string) => path.endsWith('gate.lock');

describe('gc', () => {
  describe('names', () => {
    const [old, young] = [imageOf('old'), imageOf('young')];
    const loadBoth = async () => {
      await load('old', old);
      await load('young', young);
      age(blobPath(old.root.digest), 30 * day);
    };

    test('go when they were not used for olderThan, with what only they led to', async () => {
      await loadBoth();
      await gc({ olderThan: 31 * day });
      expect(await names()).toEqual(['old', 'young']);
      const { removed } = await gc({ olderThan: 29 * day });
      expect(removed[0]).toEqual({ kind: 'name', name: 'old', size: 0 });
      expect(await names()).toEqual(['young']);
      expect(blobsLeft().sort()).toEqual(digestsOf(young));
      const backup = readFileSync(join(dir(), 'index.backup.json'), 'utf8');
      expect(backup).not.toContain(old.root.digest);
    });

    test('stay when keep says so, or a manifest of their index was used', async () => {
      await loadBoth();
      const index = buildIndex([old, imageOf('away', { architecture: 'arm64' })]);
      await load('index', {
        ...index,
        blobs: new Map([...old.blobs, [index.root.digest, indexBytes(index)]]),
      });
      age(blobPath(index.root.digest), 30 * day);
      await gc({ olderThan: day });
      expect(await names()).toEqual(['index', 'old', 'young']);
      age(blobPath(old.root.digest), 30 * day);
      await gc({ olderThan: day, keep: ['in*', 'o*d'] });
      expect(await names()).toEqual(['index', 'old', 'young']);
      await using(async (reader) => {
        await reader.hold([old.root.digest]);
        age(blobPath(old.root.digest), 30 * day);
        await gc({ olderThan: day });
      });
      expect(await names()).toEqual(['index', 'old', 'young']);
      await gc({ olderThan: day });
      expect(await names()).toEqual(['young']);
    });

    test('of artifacts stay, but for those that evict says', async () => {
      await load('kernel/x', old, { artifactType: 'application/x' });
      await load('runtime/y', young, { artifactType: 'application/y' });
      for (const { root } of [old, young]) age(blobPath(root.digest), 30 * day);
      await gc({ olderThan: day, maxSize: 0 });
      expect(await names()).toEqual(['kernel/x', 'runtime/y']);
      await gc({ maxSize: 0, evict: ['runtime/*'] });
      expect(await names()).toEqual(['kernel/x']);
      expect(blobsLeft().sort()).toEqual(digestsOf(old));
    });

    test('of what is not there stay', async () => {
      await using(({ refs }) => refs.set('dangling', old.root));
      await gc({ olderThan: 0, maxSize: 0 });
      expect(await names()).toEqual(['dangling']);
    });

    test('go from the one used longest ago until the store fits maxSize', async () => {
      const images = Array.from({ length: 5 }, (_, n) =>
        buildImage({ layers: [randomBytesTar(n), [file('common', 'common')]] }),
      );
      for (const [n, image] of images.entries()) {
        await load(`image-${n}`, image);
        // 2 was used last, then 3, 4, 0, 1.
        age(blobPath(image.root.digest), ((n + 3) % 5) * hour);
      }
      const { size } = await gc({ dryRun: true });
      expect((await gc({ dryRun: true, maxSize: size })).removed).toEqual([]);
      const dry = await gc({ dryRun: true, maxSize: size - 1 });
      expect(dry.removed.flatMap(({ kind, name }) => (kind === 'name' ? name : []))).toEqual([
        'image-1',
      ]);
      const half = await gc({ maxSize: Math.floor(size / 2) });
      expect(half.size).toBeLessThanOrEqual(size / 2);
      expect(await names()).toEqual(['image-2', 'image-3']);
      expect(await gc({ maxSize: 0 })).toMatchObject({ size: 0 });
      expect(await names()).toEqual([]);
    });

    const randomBytesTar = (n: number) => [file(`own-${n}`, randomBytes(50_000))];

    test('are counted with what leases and keepDigests keep', async () => {
      await loadBoth();
      const extra = imageOf('extra');
      await load(undefined, extra);
      const keepDigests = [extra.root.digest];
      const { size } = await gc({ dryRun: true, keepDigests });
      await gc({ maxSize: size - 1, keepDigests });
      expect(await names()).toEqual(['young']);
      expect(blobsLeft().sort()).toEqual(digestsOf(young, extra));
    });

    test.each([
      ['used', () => age(blobPath(old.root.digest), 0)],
      [
        'set to something else',
        () => {
          const path = join(dir(), 'index.json');
          const text = readFileSync(path, 'utf8');
          writeFileSync(path, text.replace(old.root.digest, young.root.digest));
        },
      ],
    ])('stay when they are %s after they were chosen', async (_, act) => {
      await loadBoth();
      const files = acting('symlink', isGate, act);
      const { removed } = await using((store) => store.gc({ olderThan: day }), { files });
      expect(await names()).toEqual(['old', 'young']);
      expect(removed.filter(({ kind }) => kind === 'name')).toEqual([]);
      const { refs } = await openStore(dir());
      const left = (await refs.get('old'))?.digest === old.root.digest ? [old, young] : [young];
      expect(blobsLeft().sort()).toEqual(digestsOf(...left));
    });

    test('that are set meanwhile keep what they lead to', async () => {
      await loadBoth();
      await using(({ refs }) => refs.delete('old'));
      const act = () => {
        const path = join(dir(), 'index.json');
        const index = JSON.parse(readFileSync(path, 'utf8'));
        const annotations = { 'org.opencontainers.image.ref.name': 'again' };
        index.manifests.push({ ...old.root, annotations });
        writeFileSync(path, JSON.stringify(index));
      };
      const files = acting('symlink', isGate, act);
      expect((await using((store) => store.gc(), { files })).removed).toEqual([]);
      expect(blobsLeft().sort()).toEqual(digestsOf(old, young));
    });
  });

  describe('leases', () => {
    const image = imageOf('leased');

    test('of this and other open stores keep all that they lead to', async () => {
      await load(undefined, image);
      await using(async (store) => {
        await store.hold([image.root.digest]);
        expect((await gc()).removed).toEqual([]);
        expect((await store.gc()).removed).toEqual([]);
      });
      expect((await gc()).removed).toHaveLength(image.blobs.size);
    });

    test('of no process keep until their time has passed, and go then', async () => {
      await load(undefined, image);
      const digests = [image.root.digest];
      const expires = new Date(Date.now() + hour);
      const { id } = await using(({ leases }) => leases.create({ purpose: 'x', digests, expires }));
      expect((await gc()).removed).toEqual([]);
      const path = join(dir(), `leases/${id}.lease`);
      const text = readFileSync(path, 'utf8');
      writeFileSync(path, text.replace(expires.toISOString(), new Date(0).toISOString()));
      const { size } = lstatSync(path);
      const { removed } = await gc();
      expect(removed.at(-1)).toEqual({ kind: 'lease', name: `leases/${id}.lease`, size });
      expect(removed).toHaveLength(image.blobs.size + 1);
      expect(existsSync(path)).toBe(false);
    });

    test('of the dead keep nothing', async () => {
      await load(undefined, image);
      const dead = { ...(await myself()), start: '1' };
      const path = write(
        join(dir(), 'leases/other.lease'),
        await leaseText(image.root.digest, dead),
      );
      expect((await gc()).removed.map(({ kind }) => kind)).toContain('lease');
      expect(existsSync(path)).toBe(false);
      expect(blobsLeft()).toEqual([]);
    });

    test('that cannot be read stay for a day', async () => {
      await load('image', image);
      const path = write(join(dir(), 'leases/other.lease'), '{"version":9');
      expect((await gc()).removed).toEqual([]);
      age(path, day);
      expect((await gc()).removed).toMatchObject([{ kind: 'lease' }]);
    });

    test('that are taken between mark and sweep keep what they lead to', async () => {
      await load(undefined, image);
      const path = join(dir(), 'leases/other.lease');
      const lease = await leaseText(image.root.digest);
      const files = acting('symlink', isGate, () => writeFileSync(path, lease));
      expect((await using((store) => store.gc(), { files })).removed).toEqual([]);
      expect(blobsLeft().sort()).toEqual(digestsOf(image));
    });
  });
});
