import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  digestOf,
  type Finding,
  hexOf,
  openStore,
  StoreError,
  type VerifyStep,
} from '../../store/index.ts';
import {
  blob,
  changedIn,
  chunks,
  flip,
  fromAnywhere,
  full,
  image,
  index,
  layerIndex,
  lower,
  plain,
  quarantineOf,
  quick,
  repaired,
  rewrite,
  root,
  seriousOf,
  storeFiles,
  tar,
  whole,
} from './damaged-store.ts';

describe('verifyStore, one bit flipped', () => {
  const cases: readonly (readonly [
    string,
    string,
    readonly number[],
    { readonly quick: boolean; readonly step: VerifyStep; readonly done: Finding['done'] },
  ])[] = [
    ['a manifest', blob(image.root.digest), [0, 100, -1], documentOf('refetched')],
    ['a config', blob(image.config.digest), [0, 60, -1], documentOf('refetched')],
    ['an index', blob(index.root.digest), [0, 100, -1], documentOf('refetched')],
    [
      'a compressed layer',
      blob(lower.descriptor.digest),
      [0, 5, 40, -1],
      { quick: false, step: 'blobs', done: 'refetched' },
    ],
    [
      'an uncompressed layer',
      blob(plain.layers[0]?.descriptor.digest ?? lower.diffID),
      [0, 512, -1],
      { quick: false, step: 'blobs', done: 'restored' },
    ],
    [
      'the tar of a layer',
      tar(lower.diffID),
      // A header, its padding, a file, what follows the end.
      [0, 511, 1100, 2000, -1],
      { quick: false, step: 'layers', done: 'rebuilt' },
    ],
    [
      'the index of a layer',
      layerIndex(lower.diffID),
      // Its head: version, digest of the layer, size, digest; the first and the last entry.
      [1, 11, 40, 106, 130, 180, 210, 220, 300, -3, -1],
      { quick: true, step: 'layers', done: 'rebuilt' },
    ],
    [
      'index.json',
      'index.json',
      [0, 20, 150, 300, 500, -2],
      { quick: true, step: 'index', done: 'restored' },
    ],
    [
      'the copy of index.json',
      'index.backup.json',
      [0, 20, 150, 300, 500, -3],
      { quick: true, step: 'index', done: 'rebuilt' },
    ],
  ];

  function documentOf(done: Finding['done']) {
    return { quick: true, step: 'documents', done } as const;
  }

  test.each(cases)('finds and mends %s', async (_, path, places, wanted) => {
    for (const [bit, place] of places.entries()) {
      const files = storeFiles(path, flip(place, bit % 8));
      const where = `byte ${place} of ${path}`;
      expect((await quick(files)).sound, where).toBe(!wanted.quick);
      const found = await full(files);
      expect(found.sound, where).toBe(false);
      expect(seriousOf(found), where).toMatchObject([{ step: wanted.step, done: 'none' }]);
      const mended = await repaired(files);
      expect(mended.sound, where).toBe(true);
      expect(seriousOf(mended), where).toMatchObject([{ step: wanted.step, done: wanted.done }]);
      expect(changedIn(files), where).toEqual([]);
      expect(seriousOf(await full(files)), where).toEqual([]);
      expect(quarantineOf(files).length, where).toBeGreaterThan(0);
    }
  });

  test('is found and mended wherever it is, and changes nothing else', async () => {
    let flips = 0;
    for (const [path, { bytes }] of whole) {
      if (path.startsWith('leases/') || path === 'oci-layout') continue;
      const stride = path.endsWith('/tar') ? 599 : 41;
      for (let at = flips % stride; at < bytes.length; at += stride) {
        const files = storeFiles(path, flip(at, flips % 8));
        const where = `byte ${at} of ${path}`;
        expect((await full(files)).sound, where).toBe(false);
        expect((await repaired(files, fromAnywhere)).sound, where).toBe(true);
        expect(changedIn(files), where).toEqual([]);
        flips += 1;
      }
    }
    expect(flips).toBeGreaterThan(150);
  });

  test('stops who opens the store when it is in oci-layout, and is mended when asked to', async () => {
    for (let at = 0; at < 31; at += 1) {
      const files = storeFiles('oci-layout', flip(at, at % 7));
      const opening = openStore(root, { files });
      const isVersion = at >= 23 && at <= 27;
      await expect(opening, `byte ${at}`).rejects.toMatchObject({
        code: expect.stringMatching(isVersion ? /STORE_(CORRUPT|VERSION)/ : 'STORE_CORRUPT'),
      });
      const error = await openStore(root, { files }).catch((error: StoreError) => error);
      if (error instanceof StoreError && error.code === 'STORE_VERSION') continue;
      expect(await repaired(files), `byte ${at}`).toMatchObject({
        sound: true,
        findings: [{ step: 'marker', done: 'rebuilt', quarantined: ['quarantine/oci-layout'] }, {}],
      });
      expect(changedIn(files)).toEqual([]);
    }
  });

  test.each([
    ['oci-layout', '', 'no JSON', '{"imageLayoutVersion":"1.0.0"}'],
    ['oci-layout', '7', 'imageLayoutVersion undefined', '{"imageLayoutVersion":"1.0.0"}'],
    ['index.json', '', 'no JSON', 'what was written'],
    [
      'index.json',
      '[]',
      'other JSON (at the top: found an array of 0, wanted it to be object)',
      'what was written',
    ],
  ])('is told in words when %s says %j', async (path, text, found, wanted) => {
    const { findings } = await repaired(storeFiles(path, () => Buffer.from(text)));
    expect(findings[0]).toMatchObject({
      name: path,
      found,
      wanted,
    });
  });

  test('is found when it is in the head of a lease, which then holds nothing', async () => {
    const [path = ''] = [...whole.keys()].filter((name) => name.endsWith('.lease'));
    const files = storeFiles(path, flip(0));
    expect(await quick(files)).toMatchObject({
      sound: false,
      findings: [{ step: 'leases', kind: 'lease', name: path, done: 'none' }],
    });
    expect(await repaired(files)).toMatchObject({
      sound: true,
      findings: [{ step: 'leases', done: 'quarantined' }, { step: 'strays' }],
    });
    expect(changedIn(files)).toEqual([path]);
  });

  test('is told when it is in what a lease holds, which then is not there', async () => {
    const [path = ''] = [...whole.keys()].filter((name) => name.endsWith('.lease'));
    const { sound, findings } = await quick(storeFiles(path, flip(-2)));
    expect(sound).toBe(true);
    expect(findings).toMatchObject([{ step: 'leases', name: path, severity: 'note' }]);
  });

  test('is found by the next transfer when it is in a partial blob', async () => {
    const files = storeFiles();
    const bytes = Buffer.from('the bytes of a blob that came in part');
    const digest = digestOf(bytes);
    const writer = await openStore(root, { files });
    await writer.blobs
      .fetch({ digest, size: bytes.length }, () => chunks(bytes.subarray(0, 20)))
      .catch(() => undefined);
    const path = join('ingest/partial/sha256', hexOf(digest));
    rewrite(files, path, flip(4));
    expect(await full(files)).toMatchObject({
      sound: true,
      findings: [{ step: 'strays', kind: 'file', name: path, severity: 'note' }],
    });
    await repaired(files);
    const offsets: number[] = [];
    await writer.blobs.fetch({ digest, size: bytes.length }, (offset) => {
      offsets.push(offset);
      return chunks(bytes.subarray(offset));
    });
    expect(offsets).toEqual([20, 0]);
    expect(await full(files)).toMatchObject({ sound: true, findings: [] });
  });
});
