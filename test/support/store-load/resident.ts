import { setTimeout as delay } from 'node:timers/promises';
import { pull } from '../../../src/pull/pull.ts';
import { type Descriptor, openStore, parseDiffID, type Store } from '../../../store/index.ts';
import { seededRandom } from '../seeded-random.ts';

/*
 * A process that stays: several tasks of it use one store by the library, each in the way of a service
 * that opens and closes it again and again. Ends with its stdin. Tells of each deed in a line of JSON.
 *
 *   node dist/test/support/store-load/resident.js STORE SEED NAME...
 */

/** A line of what it tells. */
export interface Told {
  readonly deed: string;
  /** Digests of the blobs that gc removed. */
  readonly removed?: readonly string[];
  readonly complaint?: string;
}

const tasks = 3;
/** In milliseconds; most of two processors is left to the other processes. */
const longestUse = 400;
const longestPause = 800;

type Deed = (store: Store, name: string) => Promise<Omit<Told, 'deed'>>;

const deeds: Readonly<Record<string, Deed>> = {
  use: useForAWhile,
  async pull(store, name) {
    await pull(store, name, {});
    return {};
  },
  async 'pull again'(store, name) {
    await pull(store, name, { pull: 'always' });
    return {};
  },
  async gc(store) {
    const { removed } = await store.gc();
    return { removed: removed.flatMap(({ kind, name }) => (kind === 'blob' ? name : [])) };
  },
  async verify(store) {
    const { sound, findings } = await store.verify({ full: true });
    return sound ? {} : { complaint: JSON.stringify(findings) };
  },
  async usage(store) {
    const { damaged } = await store.usage({ layers: true });
    return damaged.length === 0 ? {} : { complaint: `damaged: ${damaged}` };
  },
  async export(store) {
    for await (const _ of store.export());
    return {};
  },
};

/** Holds what a name leads to; all of it must be there as long as it is held, whatever others do. */
async function useForAWhile(store: Store, name: string): ReturnType<Deed> {
  const before = await store.refs.get(name);
  if (before === undefined) return {};
  await store.hold([before.digest]);
  if ((await store.refs.get(name))?.digest !== before.digest) return {};
  await delay(Math.random() * longestUse);
  const read = async ({ digest }: Descriptor) =>
    JSON.parse(Buffer.from(await store.blobs.read(digest, 2 ** 20)).toString());
  const { config, layers }: { config: Descriptor; layers: Descriptor[] } = await read(before);
  const { rootfs } = await read(config);
  for (const { digest } of layers) for await (const _ of store.blobs.stream(digest));
  for (const [at, text] of rootfs.diff_ids.entries()) {
    const diffID = parseDiffID(text);
    const blob = layers[at]?.digest;
    if (blob !== undefined) await store.layers.ingest(blob, diffID);
    (await store.layers.open(diffID)).close();
  }
  return {};
}

async function main([dir = '', seed = '', ...names]: readonly string[]): Promise<void> {
  let isOver = false;
  process.stdin.resume().on('end', () => {
    isOver = true;
  });
  const tell = (told: Told): void => void process.stdout.write(`${JSON.stringify(told)}\n`);
  const work = async (random: () => number): Promise<void> => {
    const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
    while (!isOver) {
      const deed = pick(Object.keys(deeds));
      const store = await openStore(dir, { purpose: `resident: ${deed}` });
      try {
        tell({ deed, ...(await deeds[deed]?.(store, pick(names))) });
      } catch (error) {
        tell({ deed, complaint: error instanceof Error ? (error.stack ?? '') : String(error) });
      } finally {
        await store.close();
      }
      await delay(random() * longestPause);
    }
  };
  await Promise.all(
    Array.from({ length: tasks }, (_, at) => work(seededRandom(Number(seed) * tasks + at))),
  );
}

await main(process.argv.slice(2));
