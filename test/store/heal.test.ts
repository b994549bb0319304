import { describe, expect, test } from 'vitest';
import { hexOf, openStore, type StoreEvent } from '../../store/index.ts';
import {
  blob,
  changedIn,
  flip,
  foreign,
  image,
  layerIndex,
  lower,
  origin,
  plain,
  quarantineOf,
  refetchTo,
  rewrite,
  root,
  storeFiles,
  tar,
} from './damaged-store.ts';

describe('heal', () => {
  test('says that what is sound is so, and changes nothing', async () => {
    const files = storeFiles();
    const store = await openStore(root, { files, readOnly: true });
    expect(await store.blobs.heal(image.root.digest)).toBe(true);
    expect(await store.layers.heal(lower.diffID)).toBe(true);
    expect(await store.blobs.heal(foreign.root.digest)).toBe(false);
    expect(changedIn(files)).toEqual([]);
  });

  test('of a blob moves it away, or gives it back from a layer', async () => {
    const { digest } = lower.descriptor;
    const files = storeFiles(blob(digest), flip(20));
    const unpacked = plain.layers[0]?.diffID ?? lower.diffID;
    rewrite(files, blob(unpacked), flip(20));
    const events: StoreEvent[] = [];
    const store = await openStore(root, { files, onEvent: (event) => events.push(event) });
    expect(await store.blobs.heal(digest)).toBe(false);
    expect(await store.blobs.size(digest)).toBeUndefined();
    expect(await store.blobs.heal(unpacked)).toBe(true);
    expect(events).toEqual(
      [digest, unpacked].map((digest) => ({
        event: 'quarantined',
        from: blob(digest),
        to: `quarantine/blob-${hexOf(digest)}`,
      })),
    );
    await store.close();
    expect(changedIn(files)).toEqual([blob(digest)]);
  });

  test('of a layer unpacks it anew from its blob', async () => {
    for (const path of [tar(lower.diffID), layerIndex(lower.diffID)]) {
      const files = storeFiles(path, flip(300));
      const store = await openStore(root, { files });
      expect(await store.layers.heal(lower.diffID)).toBe(true);
      await store.close();
      expect(changedIn(files)).toEqual([]);
    }
  });

  test('of a layer moves it and its blob away when both are damaged', async () => {
    const files = storeFiles(tar(lower.diffID), flip(1100));
    rewrite(files, blob(lower.descriptor.digest), flip(20));
    const store = await openStore(root, { files });
    expect(await store.layers.heal(lower.diffID)).toBe(false);
    expect(await store.layers.has(lower.diffID)).toBe(false);
    expect(await store.blobs.size(lower.descriptor.digest)).toBeUndefined();
    expect(await refetchTo(store, origin)({ digest: lower.descriptor.digest })).toBe(true);
    expect(await store.layers.heal(lower.diffID)).toBe(true);
    await store.close();
    expect(changedIn(files)).toEqual([]);
  });

  test('fails as STORE_UNUSABLE when what is damaged may not be moved', async () => {
    const files = storeFiles(blob(image.root.digest), flip(20));
    const store = await openStore(root, { files, readOnly: true });
    await expect(store.blobs.heal(image.root.digest)).rejects.toMatchObject({
      code: 'STORE_UNUSABLE',
    });
    expect(quarantineOf(files)).toEqual([]);
  });
});
