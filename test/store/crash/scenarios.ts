import { digestOf, type LostBlob, StoreError } from '../../../store/index.ts';
import {
  archive,
  bytes,
  claim,
  cutOff,
  hasBlob,
  hasLayer,
  hasLease,
  image,
  kept,
  leads,
  made,
  packed,
  pieces,
  pull,
  type Scenario,
  setName,
} from './vows.ts';

export const scenarios: readonly Scenario[] = [
  {
    title: 'put',
    async run({ blobs }, vow) {
      await blobs.put(bytes);
      vow(hasBlob(bytes));
    },
  },
  {
    title: 'write',
    async run({ blobs }, vow) {
      await blobs.write(claim, pieces(bytes));
      vow(hasBlob(bytes));
    },
  },
  {
    title: 'fetch that is resumed',
    async run({ blobs }, vow) {
      await blobs.fetch(claim, (offset) => cutOff(bytes, offset)).catch(failedFetch);
      await blobs.fetch(claim, (offset) => pieces(bytes, offset));
      vow(hasBlob(bytes));
    },
  },
  {
    title: 'ingest',
    stride: 3,
    async run({ blobs, layers }, vow) {
      await layers.ingest(await blobs.put(packed.blob), packed.diffID);
      vow(hasBlob(packed.blob));
      vow(hasLayer(packed));
    },
  },
  {
    title: 'layers.fetch',
    stride: 3,
    async run({ layers }, vow) {
      const { blob, diffID } = packed;
      const expected = { digest: digestOf(blob), size: blob.length };
      await layers.fetch(expected, diffID, (offset) => pieces(blob, offset));
      vow(hasBlob(blob));
      vow(hasLayer(packed));
    },
  },
  {
    title: 'layers.write',
    stride: 3,
    async run({ layers }, vow) {
      await layers.write(pieces(made.tar));
      vow(hasLayer(made));
      vow(hasBlob(made.tar));
    },
  },
  {
    title: 'refs.set and delete',
    stride: 11,
    async run(store, vow) {
      await setName(store, vow, 'other', kept.root);
      await setName(store, vow, 'other', { ...kept.root, annotations: { changed: 'yes' } });
      vow(leads('other', kept.root, undefined));
      await store.refs.delete('other');
      vow(leads('other', undefined));
    },
  },
  {
    title: 'hold',
    async run(store) {
      await store.hold([kept.root.digest]);
      await store.hold([...kept.blobs.keys()]);
    },
  },
  {
    title: 'leases.create and delete',
    async run({ leases }, vow) {
      const digests = [kept.root.digest, kept.config.digest];
      const { id } = await leases.create({ purpose: 'to stay', digests });
      vow(hasLease(id, digests));
      const passing = await leases.create({ purpose: 'to go', digests });
      await leases.delete(passing.id);
    },
  },
  {
    title: 'a pull into an empty store',
    stride: 17,
    before: async () => {},
    run: (store, vow) => pull(store, vow, 'kept', kept),
  },
  {
    title: 'layers.write without hard links',
    stride: 5,
    isLinkless: true,
    async run({ layers }, vow) {
      await layers.write(pieces(made.tar));
      vow(hasLayer(made));
      vow(hasBlob(made.tar));
    },
  },
  {
    title: 'gc',
    failsAs: 'STORE_CORRUPT',
    async before(store, vow) {
      await pull(store, vow, 'kept', kept);
      await pull(store, () => {}, 'new', image);
      await store.refs.delete('new');
    },
    async run({ gc }) {
      await gc();
    },
  },
  {
    title: 'gc that drops a name',
    failsAs: 'STORE_CORRUPT',
    stride: 7,
    async before(store, vow) {
      await pull(store, vow, 'kept', kept);
      await pull(store, () => {}, 'new', image);
    },
    async run({ gc }, vow) {
      vow(leads('new', image.root, undefined));
      await gc({ maxSize: 0, keep: ['kept'] });
      vow(leads('new', undefined));
    },
  },
  {
    title: 'verify that repairs',
    failsAs: 'STORE_CORRUPT',
    isDamaged: true,
    stride: 2,
    async before(store, vow) {
      await pull(store, vow, 'kept', kept);
    },
    async run(store, vow) {
      const refetch = async ({ digest }: LostBlob) => {
        const content = kept.blobs.get(digest) ?? new Uint8Array();
        await store.blobs.fetch({ digest, size: content.length }, (offset) =>
          pieces(content, offset),
        );
        return true;
      };
      const { sound } = await store.verify({ full: true, repair: true, refetch });
      if (!sound) throw new StoreError('STORE_CORRUPT', 'repairing: found it damaged still');
      for (const content of kept.blobs.values()) vow(hasBlob(content));
      // A layer whose repair was cut short is as one that was never unpacked.
      for (const layer of kept.layers) {
        await store.layers.ingest(layer.descriptor.digest, layer.diffID);
        vow(hasLayer(layer));
      }
    },
  },
  {
    title: 'import',
    failsAs: 'STORE_CORRUPT',
    stride: 17,
    async run(store, vow) {
      vow(leads('new', undefined, image.root));
      await store.import(pieces(await archive));
      vow(leads('new', image.root));
      for (const content of image.blobs.values()) vow(hasBlob(content));
    },
  },
  { title: 'a pull', stride: 17, run: (store, vow) => pull(store, vow, 'new', image) },
  {
    title: 'two pulls of one image at once',
    stride: 29,
    async run(store, vow) {
      await Promise.all([1, 2].map(() => pull(store, vow, 'new', image)));
    },
  },
];

/** A fetch whose line is cut fails for that; any other failure is one of the disk. */
export function failedFetch(error: unknown): void {
  if (!(error instanceof Error && error.message === 'the line is dead')) throw error;
}
