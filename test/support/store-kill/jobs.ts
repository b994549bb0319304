import { Buffer } from 'node:buffer';
import {
  closeSync,
  existsSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import {
  type Digest,
  digestOf,
  hexOf,
  openMemoryStore,
  openStore,
  type Store,
} from '../../../store/index.ts';
import { buildImage } from '../image.ts';
import { buildLayer, file } from '../layers.ts';
import { seededRandom } from '../seeded-random.ts';
import { keptImage, keptName, takeImage } from './kept.ts';
import { type JobName, refsOfRound, type Vow } from './vow.ts';

/** Work on a store that has the kept image. Each round does other things, always the same ones. */
export type Job = (store: Store, round: number) => Promise<Vow>;

/** The same in each process, so that who comes next goes on with what was begun. */
function bytesOf(round: number, size: number): Buffer {
  const random = seededRandom(round);
  return Buffer.from(Array.from({ length: size }, () => random() * 256));
}

const layerOf = (round: number) =>
  buildLayer([file('a', bytesOf(round, 20_000)), file('b', `${round}`)]);

async function* pieces(bytes: Uint8Array, offset = 0) {
  for (let at = offset; at < bytes.length; at += 4000) {
    await turn();
    yield bytes.subarray(at, at + 4000);
  }
}

export const jobs: Readonly<Record<JobName, Job>> = {
  async put(store, round) {
    return { blobs: [await store.blobs.put(bytesOf(round, 20_000))] };
  },
  async write(store, round) {
    const bytes = bytesOf(round, 60_000);
    const digest = digestOf(bytes);
    await store.blobs.write({ digest, size: bytes.length }, pieces(bytes));
    return { blobs: [digest] };
  },
  async fetch(store, round) {
    const bytes = bytesOf(round, 200_000);
    const digest = digestOf(bytes);
    await store.blobs.fetch({ digest, size: bytes.length }, (offset) => pieces(bytes, offset));
    return { blobs: [digest] };
  },
  async ingest(store, round) {
    const { blob, diffID } = layerOf(round);
    const digest = await store.blobs.put(blob);
    await store.layers.ingest(digest, diffID);
    return { blobs: [digest], layers: [diffID] };
  },
  async 'layers.write'(store, round) {
    const { diffID } = await store.layers.write(pieces(layerOf(round).tar));
    return { blobs: [diffID], layers: [diffID] };
  },
  async refs(store, round) {
    const [set, gone] = refsOfRound(round);
    await store.refs.set(set, keptImage.root);
    await store.refs.delete(gone);
    return { names: { [set]: true, [gone]: false } };
  },
  async hold(store, round) {
    await store.hold([keptImage.root.digest, digestOf(bytesOf(round, 10))]);
    return {};
  },
  async leases(store) {
    const lease = { purpose: 'a test', digests: [keptImage.root.digest] };
    const [kept, ended] = [await store.leases.create(lease), await store.leases.create(lease)];
    // One of an earlier round would be gone before its end is told.
    await store.leases.delete(ended.id);
    return { leases: { [kept.id]: true, [ended.id]: false } };
  },
  async gc(store, round) {
    const maker = await openStore(store.path);
    try {
      await takeImage(maker, `passing-${round}`, passing(round));
      await maker.layers.write(pieces(layerOf(round + 1).tar));
      await maker.refs.delete(`passing-${round - 1}`);
    } finally {
      await maker.close();
    }
    await store.gc({ maxSize: 0, keep: [keptName] });
    return { names: { [`passing-${round}`]: false } };
  },
  async repair(store, round) {
    damage(store.path, round);
    const report = await store.verify({
      full: true,
      repair: true,
      async refetch({ digest }) {
        const bytes = keptImage.blobs.get(digest);
        if (bytes === undefined) return false;
        await store.blobs.fetch({ digest, size: bytes.length }, (at) => pieces(bytes, at));
        return true;
      },
    });
    if (!report.sound) throw new Error(JSON.stringify(report));
    return {};
  },
  async import(store, round) {
    const memory = await openMemoryStore();
    const name = `imported-${round}`;
    await takeImage(memory, name, passing(round));
    await store.import(memory.export());
    return { names: { [name]: true } };
  },
  async make(store, round) {
    const made = await openStore(join(store.path, '..', `${round}`));
    await made.blobs.put(bytesOf(round, 100));
    await made.close();
    return {};
  },
};

const passing = (round: number) =>
  buildImage({ layers: [layerOf(round), layerOf(round + 1)], config: { Env: [`A=${round}`] } });

/** Damages what the kept image has, unless that was lost before. index.json or its copy stays. */
function damage(store: string, round: number): void {
  const [layer] = keptImage.layers;
  if (layer === undefined) throw new Error('damage: the kept image has no layer');
  const blob = (digest: Digest) => join(store, 'blobs/sha256', hexOf(digest));
  const unpacked = join(store, 'layers/v2/sha256', hexOf(layer.diffID));
  // As the disk would do it: the file stays the same one, and needs no more room.
  const flip = (path: string): void => {
    if (!existsSync(path)) return;
    const fd = openSync(path, 'r+');
    const byte = Buffer.alloc(1);
    const at = 40;
    readSync(fd, byte, 0, 1, at);
    byte[0] = (byte[0] ?? 0) ^ 1;
    writeSync(fd, byte, 0, 1, at);
    closeSync(fd);
  };
  const damages = [
    () => flip(blob(layer.descriptor.digest)),
    () => flip(blob(keptImage.config.digest)),
    () => rmSync(blob(keptImage.root.digest), { force: true }),
    () => flip(join(unpacked, 'tar')),
    () => flip(join(unpacked, 'index')),
    () => rmSync(join(unpacked, 'tar'), { force: true }),
    () => rmSync(join(store, 'index.json'), { force: true }),
    () => rmSync(join(store, 'index.backup.json'), { force: true }),
    () => writeFileSync(join(store, 'leases', `${round}.lease`), ''),
    () => rmSync(join(store, 'oci-layout'), { force: true }),
  ];
  damages[round % damages.length]?.();
}
