import { describe, expect, test } from 'vitest';
import { openStore, StoreError } from '../../store/index.ts';
import { type FaultCode, failingFiles, killedFiles, playedFiles } from '../support/crash-files.ts';
import { createDisk, type Fate, fates, randomFate } from '../support/power-cut.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { checkSwept, dir, inspect, prepared, withoutLinks } from './crash/inspect.ts';
import { scenarios } from './crash/scenarios.ts';
import { createVows, type Vow } from './crash/vows.ts';

const codes: Record<FaultCode, readonly string[]> = {
  // Of what is known by its digest, and may be mended.
  EIO: ['STORE_UNUSABLE', 'STORE_CORRUPT'],
  ENOSPC: ['STORE_FULL'],
  EACCES: ['STORE_UNUSABLE'],
  EROFS: ['STORE_UNUSABLE'],
};

describe.each(scenarios.map((scenario) => [scenario.title, scenario] as const))(
  '%s',
  (_, scenario) => {
    const { stride = 1, isLinkless, failsAs } = scenario;

    test.each(['EIO', 'ENOSPC', 'EACCES', 'EROFS'] as const)(
      'leaves a sound store when any call fails with %s',
      async (code) => {
        const start = await prepared(scenario);
        let cases = 0;
        for (const lasting of [false, true]) {
          for (let at = 1, reached = true; reached; at += lasting ? 3 * stride : stride) {
            const disk = createDisk(start.files);
            const files = isLinkless ? withoutLinks(disk.files) : disk.files;
            const faulty = failingFiles(files, code, { at, lasting });
            const { vows, vow } = createVows();
            for (const kept of start.vows.values()) vow(kept);
            const work = async () => {
              const store = await openStore(dir, { files: faulty.files });
              try {
                await scenario.run(store, vow);
              } finally {
                await store.close();
              }
            };
            const failure = await work().then(
              () => undefined,
              (error: unknown) => error,
            );
            if (failure !== undefined) {
              expect(failure).toBeInstanceOf(StoreError);
              expect(failure).toMatchObject({ code: expect.toBeOneOf([...codes[code], failsAs]) });
            }
            try {
              await inspect(disk.files, vows.values(), scenario);
            } catch (error) {
              throw new Error(`after call ${at} (lasting: ${lasting}): ${error}`, { cause: error });
            }
            reached = faulty.calls() >= at;
            cases += 1;
          }
        }
        expect(cases).toBeGreaterThan(8);
        total.faults += cases;
      },
    );

    test('leaves a sound store when it is killed at any call, and then the power fails', async () => {
      const start = await prepared(scenario);
      const random = seededRandom(20261122);
      let cases = 0;
      for (let at = 1, reached = true; reached; at += stride) {
        const disk = createDisk<Vow>(start.files);
        for (const kept of start.vows.values()) disk.note(kept);
        const ground = isLinkless ? withoutLinks(disk.files) : disk.files;
        const killed = killedFiles(await playedFiles(ground, 1), at);
        const work = async () => {
          const store = await openStore(dir, { files: killed.files });
          await scenario.run(store, disk.note).finally(() => store.close().catch(() => {}));
        };
        await work().catch(() => undefined);
        reached = killed.calls() >= at;
        const vows = () => {
          const { vows, vow } = createVows();
          for (const note of disk.cut(disk.length(), fates['everything survives']).notes) vow(note);
          return vows.values();
        };
        try {
          const files = await playedFiles(ground, 2);
          await inspect(files, vows(), scenario);
          checkSwept(files);
          const second = await openStore(dir, { files });
          await scenario.run(second, disk.note);
          await second.close();
          for (const fate of [fates['nothing survives'], randomFate(random)]) {
            const after = disk.cut(disk.length(), fate);
            await inspect(after.files, vows(), scenario);
            cases += 1;
          }
        } catch (error) {
          throw new Error(`after call ${at}: ${error}`, { cause: error });
        }
      }
      expect(cases).toBeGreaterThan(8);
      total.kills += cases;
    });

    test('loses nothing that it reported as done when the power fails at any time', async () => {
      const start = await prepared(scenario);
      const disk = createDisk<Vow>(start.files);
      for (const kept of start.vows.values()) disk.note(kept);
      const from = disk.length();
      const ground = isLinkless ? withoutLinks(disk.files) : disk.files;
      const store = await openStore(dir, { files: await playedFiles(ground, 1) });
      await scenario.run(store, disk.note);
      await store.close();
      const random = seededRandom(20261122);
      let cases = 0;
      for (let length = from; length <= disk.length(); length += stride) {
        const chances = Array.from({ length: 3 }, (_, n): [string, Fate] => [
          `chance ${n}`,
          randomFate(random),
        ]);
        for (const [title, fate] of [...Object.entries(fates), ...chances]) {
          const { files, notes } = disk.cut(length, fate);
          const { vows, vow } = createVows();
          for (const note of notes) vow(note);
          try {
            await inspect(files, vows.values(), scenario);
            checkSwept(files);
          } catch (error) {
            throw new Error(`after step ${length}, ${title}: ${error}`, { cause: error });
          }
          cases += 1;
        }
      }
      expect(cases).toBeGreaterThan(8);
      total.cuts += cases;
    });
  },
);

const total = { faults: 0, kills: 0, cuts: 0 };

test('the suite is as large as it is meant to be', () => {
  expect(total.faults).toBeGreaterThan(1500);
  expect(total.kills).toBeGreaterThan(500);
  expect(total.cuts).toBeGreaterThan(1000);
});
