import { Buffer } from 'node:buffer';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Files } from '../../store/files/files.ts';
import { createMemoryFiles } from '../../store/files/memory.ts';
import { nodeFiles } from '../../store/files/node.ts';
import { newWalk, walkGraph } from '../../store/graph/graph.ts';
import { hexOf, openStore } from '../../store/index.ts';
import { layoutOf } from '../../store/layout.ts';
import { playedFiles, watchedFiles } from '../support/crash-files.ts';
import { type BuiltImage, buildIndex } from '../support/image.ts';
import { createDisk, fates, randomFate } from '../support/power-cut.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { age, blobsLeft, day, digestsOf, dir, gc, imageOf, load, using } from './gc-store.ts';

describe('gc', () => {
  describe('beside others', () => {
    const image = imageOf('image');
    const layer = image.layers[1];
    if (layer === undefined) throw new Error('the image has layers');

    test('lets be what a fetch is bringing in', async () => {
      await load('other', imageOf('other'));
      const reports: unknown[] = [];
      const { descriptor, blob } = layer;
      await using(async ({ blobs }) => {
        await blobs.fetch(descriptor, async function* () {
          yield blob.subarray(0, 10);
          age(join(dir(), 'ingest/partial/sha256', hexOf(descriptor.digest)), 2 * day);
          reports.push((await gc({ olderThan: 0, keep: ['*'] })).removed);
          yield blob.subarray(10);
        });
        reports.push((await gc()).removed);
        expect(await blobs.read(descriptor.digest, 1e6)).toEqual(Buffer.from(blob));
      });
      expect(reports).toEqual([[], []]);
    });

    test('lets be what an ingest is unpacking, at each file that it makes durable', async () => {
      await load(undefined, image);
      const { descriptor, diffID } = layer;
      const lefts: (readonly string[])[] = [];
      const collect = async () => {
        await gc();
        lefts.push(blobsLeft());
      };
      const files: Files = {
        ...nodeFiles,
        create(path) {
          const draft = nodeFiles.create(path);
          const isDraft = dirname(path) === join(dir(), 'ingest');
          return {
            ...draft,
            async flush() {
              if (isDraft) await collect();
              await draft.flush();
            },
          };
        },
      };
      await using(
        async ({ layers }) => {
          await layers.ingest(descriptor.digest, diffID);
          await collect();
          (await layers.open(diffID)).close();
        },
        { files },
      );
      expect(lefts).toEqual(Array(3).fill([descriptor.digest]));
      expect((await gc()).removed.map(({ kind }) => kind)).toEqual(['blob', 'layer']);
    });

    test('removes documents before all that they refer to', async () => {
      const index = buildIndex([image, imageOf('arm', { architecture: 'arm64' })]);
      await load(undefined, index);
      const removed: string[] = [];
      const files: Files = {
        ...nodeFiles,
        remove(path) {
          removed.push(`sha256:${basename(path)}`);
          return nodeFiles.remove(path);
        },
      };
      const walk = newWalk();
      await walkGraph({ files: nodeFiles, layout: layoutOf(dir()) }, [index.root.digest], walk);
      await using((store) => store.gc(), { files });
      for (const [digest, links] of walk.documents) {
        for (const link of links) {
          if (link.role === 'diffID') continue;
          expect(removed.indexOf(digest)).toBeLessThan(removed.indexOf(link.digest));
        }
      }
    });

    test('keeps all that a document leads to when that is held, and there, while it runs', async () => {
      const images = Array.from({ length: 40 }, (_, n) => imageOf(`${n}`));
      const memory = createMemoryFiles();
      const filler = await openStore('/store', { files: memory });
      for (const { blobs } of images)
        for (const bytes of blobs.values()) await filler.blobs.put(bytes);
      await filler.close();
      const slow: Files = {
        ...memory,
        remove(path) {
          // A large file on a busy disk.
          for (const end = performance.now() + 5; performance.now() < end; );
          return memory.remove(path);
        },
      };
      const collector = await openStore('/store', { files: slow });
      const user = await openStore('/store', { files: memory });
      const found: BuiltImage[] = [];
      let isDone = false;
      const collected = collector.gc().finally(() => {
        isDone = true;
      });
      for (const image of images.toReversed()) {
        await user.hold([image.root.digest]);
        if ((await user.blobs.size(image.root.digest)) === undefined) continue;
        await user.refs.set(`image-${image.root.digest}`, image.root);
        found.push(image);
        if (isDone) break;
      }
      await collected;
      await user.close();
      const { removed } = await collector.gc();
      expect(removed.filter(({ kind }) => kind !== 'lease')).toEqual([]);
      expect(found.length).toBeGreaterThan(0);
      for (const digest of digestsOf(...found)) {
        expect(await collector.blobs.size(digest)).toBeDefined();
      }
    });
  });

  describe('leaves everything whole that is named', () => {
    const images = ['a', 'b', 'c'].map((content) => imageOf(content, { compression: 'none' }));

    /** Names in the order of their last use; the last image has none. */
    const fill = async (files: Files) => {
      const store = await openStore('/store', { files });
      for (const [n, { root, blobs, layers }] of images.entries()) {
        for (const bytes of blobs.values()) await store.blobs.put(bytes);
        for (const { descriptor, diffID } of layers) {
          await store.layers.ingest(descriptor.digest, diffID);
        }
        if (n < 2) await store.refs.set(`image-${n}`, root);
      }
      await store.close();
    };

    const collect = async (files: Files) => {
      const store = await openStore('/store', { files });
      const { size } = await store.gc({ dryRun: true });
      await store.gc({ maxSize: size - 1 });
    };

    const expectWhole = async (files: Files) => {
      const store = await openStore('/store', { files });
      const named = await store.refs.list();
      expect(named.length).toBeGreaterThanOrEqual(1);
      for (const { descriptor } of named) {
        const image = images.find(({ root }) => root.digest === descriptor.digest);
        for (const [digest, bytes] of image?.blobs ?? []) {
          expect(Buffer.from(await store.blobs.read(digest, 1e6))).toEqual(Buffer.from(bytes));
        }
        for (const { diffID } of image?.layers ?? []) (await store.layers.open(diffID)).close();
      }
      // Whoever finds a layer can open it, named or not.
      for (const { diffID } of images.flatMap(({ layers }) => layers)) {
        if (await store.layers.has(diffID)) (await store.layers.open(diffID)).close();
      }
      await store.gc();
      expect((await store.gc({ dryRun: true })).removed).toEqual([]);
    };

    /** Of a process that is killed at its `at`-th call that changes something. */
    const dying = (files: Files, at: number) => {
      const reading = ['stat', 'list', 'readWhole', 'open', 'readLink', 'size', 'read', 'close'];
      let calls = 0;
      const dyingFiles = watchedFiles(files, (call) => {
        if (!reading.includes(call)) calls += 1;
        if (calls >= at) throw new Error('killed');
      });
      return { files: dyingFiles, isAlive: () => calls < at };
    };

    test('when it is killed at any call', async () => {
      let kills = 0;
      for (let isDone = false; !isDone; kills += 1) {
        const memory = createMemoryFiles();
        await fill(memory);
        const { files, isAlive } = dying(await playedFiles(memory, 1), kills + 1);
        await collect(files).catch(() => undefined);
        isDone = isAlive();
        await expectWhole(memory);
      }
      expect(kills).toBeGreaterThan(30);
    });

    test('when the power fails after any step', async () => {
      const start = createMemoryFiles();
      await fill(start);
      const random = seededRandom(20261122);
      const disk = createDisk(start);
      const filled = disk.length();
      await collect(await playedFiles(disk.files, 1));
      for (let length = filled; length <= disk.length(); length += 1) {
        for (const fate of [fates['names survive'], randomFate(random), randomFate(random)]) {
          await expectWhole(disk.cut(length, fate).files);
        }
      }
      expect(disk.length() - filled).toBeGreaterThan(20);
    });
  });
});
