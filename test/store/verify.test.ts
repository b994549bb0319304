import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { createMemoryFiles } from '../../store/files/memory.ts';
import {
  type Digest,
  digestOf,
  type Files,
  hexOf,
  openStore,
  type StoreEvent,
} from '../../store/index.ts';
import { killedFiles, playedFiles } from '../support/crash-files.ts';
import {
  blob,
  changedIn,
  chunks,
  contentsOf,
  flip,
  fromOrigin,
  full,
  image,
  imageName,
  index,
  indexName,
  layerIndex,
  lower,
  quarantineOf,
  quick,
  repaired,
  reportOf,
  rewrite,
  root,
  runtime,
  runtimeDigest,
  seriousOf,
  storeFiles,
  tar,
  upper,
  whole,
} from './damaged-store.ts';

describe('verifyStore', () => {
  test.each([false, true])('finds nothing wrong in a sound store when full is %j', async (full) => {
    const files = storeFiles();
    const report = await reportOf(files, { full });
    expect(report).toMatchObject({ full, repair: false, sound: true, findings: [] });
    expect(report.checked).toMatchObject({ names: 3, documents: 7, layers: 4, blobs: 11 });
    const mended = await reportOf(files, { full, repair: true, refetch: fromOrigin });
    expect(mended).toMatchObject({ sound: true, findings: [], checked: report.checked });
    expect(changedIn(files)).toEqual([]);
  });

  test('reads every byte once and tells how far it came when full', async () => {
    const files = storeFiles();
    const events: StoreEvent[] = [];
    const { checked } = await reportOf(files, { full: true }, events);
    const stored = new Map(
      [...whole]
        .filter(([name]) => name.startsWith('blobs/') || name.endsWith('/tar'))
        .map(([, { inode, bytes }]) => [inode, bytes.length]),
    );
    const size = [...stored.values()].reduce((sum, length) => sum + length, 0);
    expect(checked.bytes).toBe(size);
    expect(events.at(-1)).toEqual({ event: 'verify-progress', step: 'strays', read: size, size });
  });

  test('finds nothing in a folder in which there is no store yet', async () => {
    const files = createMemoryFiles();
    expect(await full(files)).toMatchObject({ sound: true, findings: [] });
    expect(files.list(root)).toBeUndefined();
  });

  test('ends when its signal is aborted', async () => {
    const store = await openStore(root, { files: storeFiles() });
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(store.verify({ full: true, signal })).rejects.toThrow('enough');
    const late = new AbortController();
    const watched = await openStore(root, {
      files: storeFiles(),
      onEvent: (event) => {
        if (event.event === 'verify-progress' && event.step === 'layers') late.abort();
      },
    });
    await expect(watched.verify({ full: true, signal: late.signal })).rejects.toThrow('aborted');
  });

  test('fails as STORE_UNUSABLE when it is to repair a store that is read only', async () => {
    const files = storeFiles(blob(image.root.digest), flip(3));
    const store = await openStore(root, { files, readOnly: true });
    await expect(store.verify({ repair: true })).rejects.toMatchObject({ code: 'STORE_UNUSABLE' });
    expect(await store.verify()).toMatchObject({ sound: false });
  });
});

const fromNowhere = async () => false;

describe('verifyStore, without a source', () => {
  test('leaves an image usable when only its compressed layer is lost', async () => {
    const { digest } = lower.descriptor;
    const files = storeFiles(blob(digest), flip(20));
    const report = await reportOf(files, { full: true, repair: true });
    expect(report.sound).toBe(true);
    expect(seriousOf(report)).toMatchObject([
      {
        kind: 'blob',
        name: digest,
        done: 'quarantined',
        names: [imageName],
        found: expect.stringContaining('the image can be used'),
        quarantined: [`quarantine/blob-${hexOf(digest)}`],
      },
    ]);
    expect(changedIn(files)).toEqual([blob(digest)]);
    const again = await full(files);
    expect(again).toMatchObject({
      sound: true,
      findings: [{ step: 'names', name: digest, severity: 'note' }, { step: 'strays' }],
    });
  });

  test('says what is lost when layer and blob are, and what needs it', async () => {
    const { digest } = lower.descriptor;
    const files = storeFiles(blob(digest), flip(20));
    rewrite(files, tar(lower.diffID), flip(1100));
    const report = await reportOf(files, { full: true, repair: true });
    expect(report.sound).toBe(false);
    expect(seriousOf(report)).toMatchObject([
      { kind: 'blob', name: digest, severity: 'loss', done: 'quarantined', names: [imageName] },
      { kind: 'layer', name: lower.diffID, severity: 'fault', done: 'quarantined' },
    ]);
    expect(quarantineOf(files)).toEqual([
      `blob-${hexOf(digest)}`,
      `layer-${hexOf(lower.diffID)}-index`,
      `layer-${hexOf(lower.diffID)}-tar`,
    ]);
    expect(await full(files)).toMatchObject({ sound: false });
    const mended = await repaired(files);
    expect(mended.sound).toBe(true);
    expect(seriousOf(mended)).toMatchObject([{ step: 'names', name: digest, done: 'refetched' }]);
  });

  test('loses both names of the bytes of a runtime that was packed here', async () => {
    const files = storeFiles(tar(runtimeDigest), flip(600));
    const report = await repaired(files);
    expect(report.sound).toBe(false);
    expect(seriousOf(report)).toMatchObject([
      { kind: 'blob', name: runtimeDigest, severity: 'loss', names: ['runtime/1'] },
      { kind: 'layer', name: runtimeDigest, done: 'quarantined' },
    ]);
    const store = await openStore(root, { files });
    expect(await store.layers.has(runtimeDigest)).toBe(false);
    await store.layers.write(chunks(runtime));
    expect(await store.verify({ full: true })).toMatchObject({ sound: true });
    await store.close();
  });

  test('drops a name only when nobody has its manifest any more', async () => {
    const path = blob(image.root.digest);
    const offline = async () => {
      throw new Error('no way to the registry');
    };
    for (const refetch of [undefined, offline]) {
      const files = storeFiles(path, flip(7));
      const report = await reportOf(files, { repair: true, ...(refetch && { refetch }) });
      expect(report.sound).toBe(false);
      expect(seriousOf(report)).toMatchObject([
        { kind: 'blob', name: image.root.digest, severity: 'loss', names: [imageName] },
      ]);
      expect(changedIn(files)).toEqual([path]);
    }
    const files = storeFiles(path, flip(7));
    const report = await repaired(files, fromNowhere);
    expect(report.sound).toBe(false);
    expect(seriousOf(report)).toMatchObject([
      { kind: 'blob', severity: 'loss', done: 'quarantined' },
      { kind: 'name', name: imageName, severity: 'loss', done: 'dropped' },
    ]);
    const store = await openStore(root, { files });
    expect((await store.refs.list()).map(({ name }) => name)).toEqual([indexName, 'runtime/1']);
    expect(await full(files)).toMatchObject({ sound: true });
  });

  test('names the manifests that are there when all names are lost', async () => {
    const files = storeFiles('index.json', () => Buffer.of());
    rewrite(files, 'index.backup.json', flip(200));
    expect(await quick(files)).toMatchObject({ sound: false });
    const report = await repaired(files);
    expect(report.sound).toBe(false);
    expect(seriousOf(report)).toMatchObject([{ kind: 'index', severity: 'loss', done: 'rebuilt' }]);
    const nameless = report.findings.filter(({ found }) => found === 'a manifest without a name');
    expect(nameless.map(({ name }) => name)).toEqual(
      expect.arrayContaining([image.root.digest, index.root.digest]),
    );
    expect(nameless).toHaveLength(3);
    expect(quarantineOf(files)).toEqual(['index.backup.json', 'index.json']);
    expect(await full(files)).toMatchObject({ sound: true });
  });
});

/** The digests of the files that are as they were. */
function soundIn(files: Files): Digest[] {
  const changed = new Set(changedIn(files));
  const sound = [...whole].filter(([name]) => !changed.has(name));
  return sound.map(([, { bytes }]) => digestOf(bytes));
}

test('verifyStore can be run again when it was killed at any call', async () => {
  const damaged = () => {
    const files = storeFiles(blob(image.config.digest), flip(5));
    rewrite(files, tar(lower.diffID), flip(1100));
    rewrite(files, layerIndex(upper.diffID), flip(-4));
    rewrite(files, blob(upper.descriptor.digest), flip(9));
    rewrite(files, 'index.json', flip(40));
    return files;
  };
  const lostIn = (files: Files): Set<Digest> => {
    const there = [...contentsOf(files).values()].map(({ bytes }) => digestOf(bytes));
    const gone = new Set(soundIn(damaged()));
    for (const digest of there) gone.delete(digest);
    return gone;
  };
  for (let at = 1, reached = true; reached; at += 3) {
    const files = damaged();
    const killed = killedFiles(await playedFiles(files, 1), at);
    await repaired(killed.files).catch(() => undefined);
    reached = killed.calls() >= at;
    expect(lostIn(files), `killed at call ${at}`).toEqual(new Set());
    const report = await repaired(await playedFiles(files, 2));
    expect(report.sound, `killed at call ${at}`).toBe(true);
    expect(await full(files), `killed at call ${at}`).toMatchObject({ sound: true });
    // A layer of which nothing was left is unpacked when it is needed.
    const left = changedIn(files).filter((name) => !name.includes(hexOf(lower.diffID)));
    expect(left, `killed at call ${at}`).toEqual([]);
  }
});
