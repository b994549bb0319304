import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createValidator } from '../../schemas/index.ts';
import { createMemoryFiles } from '../../store/files/memory.ts';
import {
  type Digest,
  digestOf,
  type Files,
  type Finding,
  hexOf,
  type LostBlob,
  openStore,
  parseDiffID,
  type Store,
  StoreError,
  type StoreEvent,
  type VerifyOptions,
  type VerifyReport,
  type VerifyStep,
} from '../../store/index.ts';
import { killedFiles, playedFiles } from '../support/crash-files.ts';
import { buildImage, buildIndex } from '../support/image.ts';
import { directory, file, layerTar } from '../support/layers.ts';

const root = '/store';

/** Two layers, one as it is; of the index only one platform was ever pulled. */
const image = buildImage({
  layers: [
    [directory('app'), file('app/bin', 'a'.repeat(3000)), file('app/text', 'some text')],
    [file('app/more', 'more')],
  ],
});
const plain = buildImage({ layers: [[file('plain', 'plain')]], compression: 'none' });
const foreign = buildImage({ layers: [[file('foreign', 'x')]], architecture: 'arm64' });
const index = buildIndex([plain, foreign]);
const runtime = layerTar([file('usr/lib/dotnet/libhost.so', 'runtime')]);
const runtimeDigest = parseDiffID(digestOf(runtime));
const origin = new Map([...image.blobs, ...index.blobs]);

const [lower, upper] = image.layers;
if (lower === undefined || upper === undefined) throw new Error('the image has two layers');

const imageName = 'registry.example/app:1';
const indexName = 'registry.example/plain:1';

async function* chunks(...parts: readonly Uint8Array[]) {
  yield* parts;
}

/** A store in which every kind of file is. */
async function fill(files: Files): Promise<void> {
  const store = await openStore(root, { files });
  for (const { blobs, layers } of [image, plain]) {
    for (const bytes of blobs.values()) await store.blobs.put(bytes);
    for (const { descriptor, diffID } of layers) {
      await store.layers.ingest(descriptor.digest, diffID);
    }
  }
  await store.blobs.put(origin.get(index.root.digest) ?? Buffer.of());
  await store.refs.set(imageName, image.root);
  await store.refs.set(indexName, index.root);
  await store.layers.write(chunks(runtime));
  const config = await store.blobs.put(Buffer.from('{}'));
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: config, size: 2 },
      layers: [{ mediaType: 'application/x-tar', digest: runtimeDigest, size: runtime.length }],
    }),
  );
  const digest = await store.blobs.put(manifest);
  await store.refs.set('runtime/1', { mediaType: 'x/y', digest, size: manifest.length });
  await store.leases.create({ purpose: 'a test', digests: [image.root.digest] });
  await store.close();
}

interface Saved {
  readonly bytes: Uint8Array;
  readonly inode: number;
}

/** Every file by its path in the store. */
function contentsOf(files: Files, folder = root): Map<string, Saved> {
  const found = new Map<string, Saved>();
  for (const { name, kind } of files.list(folder) ?? []) {
    const path = join(folder, name);
    if (kind === 'folder') {
      for (const [below, saved] of contentsOf(files, path)) found.set(join(name, below), saved);
    } else {
      const bytes = files.readWhole(path) ?? Buffer.of();
      found.set(name, { bytes, inode: files.stat(path)?.inode ?? 0 });
    }
  }
  return found;
}

let whole: ReadonlyMap<string, Saved>;
beforeAll(async () => {
  const files = createMemoryFiles();
  await fill(files);
  whole = contentsOf(files);
});

/** The store as it was filled, with what `change` does to the bytes of one file. */
function storeFiles(
  path?: string,
  change: (bytes: Buffer) => Uint8Array = (bytes) => bytes,
): Files {
  const files = createMemoryFiles();
  const made = new Map<number, string>();
  for (const [name, { bytes, inode }] of whole) {
    const to = join(root, name);
    for (const folder of foldersOf(to).slice(1)) files.makeFolder(folder);
    const twin = made.get(inode);
    made.set(inode, to);
    if (twin !== undefined) {
      files.link(twin, to);
    } else {
      const file = files.create(to);
      file.write(bytes, 0);
      file.close();
    }
  }
  if (path !== undefined) rewrite(files, path, change);
  return files;
}

/** The folders above a path, from the top down. */
function foldersOf(path: string): string[] {
  const names = path.split('/').slice(0, -1);
  return names.map((_, at) => names.slice(0, at + 1).join('/'));
}

/** The digests of the files that are as they were. */
function soundIn(files: Files): Digest[] {
  const changed = new Set(changedIn(files));
  const sound = [...whole].filter(([name]) => !changed.has(name));
  return sound.map(([, { bytes }]) => digestOf(bytes));
}

/** In place, so that other names of the file see it too. */
function rewrite(files: Files, path: string, change: (bytes: Buffer) => Uint8Array): void {
  const bytes = change(Buffer.from(files.readWhole(join(root, path)) ?? Buffer.of()));
  const file = files.update(join(root, path));
  file.truncate(bytes.length);
  file.write(bytes, 0);
  file.close();
}

const flip =
  (at: number, bit = 0) =>
  (bytes: Buffer) => {
    const place = at < 0 ? bytes.length + at : at;
    bytes.writeUInt8(bytes.readUInt8(place) ^ (1 << bit), place);
    return bytes;
  };

const blob = (digest: Digest) => join('blobs/sha256', hexOf(digest));
const tar = (digest: Digest) => join('layers/v2/sha256', hexOf(digest), 'tar');
const layerIndex = (digest: Digest) => join('layers/v2/sha256', hexOf(digest), 'index');

/** Gives blobs from where the images came from. */
const refetchTo =
  (store: Store, gives: ReadonlyMap<Digest, Uint8Array>) =>
  async ({ digest }: Pick<LostBlob, 'digest'>): Promise<boolean> => {
    const bytes = gives.get(digest);
    if (bytes === undefined) return false;
    const open = (offset: number) => chunks(bytes.subarray(offset));
    await store.blobs.fetch({ digest, size: bytes.length }, open);
    return true;
  };

const everything = () =>
  new Map(
    [...whole]
      .filter(([name]) => name.startsWith('blobs/'))
      .map(([, { bytes }]) => [digestOf(bytes), bytes]),
  );

async function reportOf(files: Files, options: VerifyOptions, events: StoreEvent[] = []) {
  const store = await openStore(root, {
    files,
    repair: options.repair === true,
    onEvent: (event) => events.push(event),
  });
  const report = await store.verify({
    ...options,
    ...(options.refetch === fromOrigin && { refetch: refetchTo(store, origin) }),
    ...(options.refetch === fromAnywhere && { refetch: refetchTo(store, everything()) }),
  });
  await store.close();
  const validate = await createValidator('verify');
  expect(validate(report)).toBeUndefined();
  return report;
}

/** Stand for `refetchTo` the store that is verified: the images, or what was packed here, too. */
const fromOrigin = async () => false;
const fromAnywhere = async () => false;
const fromNowhere = async () => false;

const quick = (files: Files) => reportOf(files, {});
const full = (files: Files) => reportOf(files, { full: true });
const repaired = (files: Files, refetch = fromOrigin) =>
  reportOf(files, { full: true, repair: true, refetch });

const seriousOf = ({ findings }: VerifyReport): readonly Finding[] =>
  findings.filter(({ severity }) => severity !== 'note');

/** The files that are not what they were. */
function changedIn(files: Files): string[] {
  const now = contentsOf(files);
  const isSame = (name: string, { bytes }: Saved) =>
    now.get(name) !== undefined && Buffer.from(bytes).equals(now.get(name)?.bytes ?? bytes);
  return [...whole].filter(([name, saved]) => !isSame(name, saved)).map(([name]) => name);
}

const quarantineOf = (files: Files) =>
  (files.list(join(root, 'quarantine')) ?? []).map(({ name }) => name).sort();

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

describe('verifyStore, other damage', () => {
  test.each([
    ['cut short', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['longer', (bytes: Buffer) => Buffer.concat([bytes, Buffer.of(0)])],
    ['empty', () => Buffer.of()],
  ])('finds any file that is %s without reading it', async (_, change) => {
    for (const path of whole.keys()) {
      // JSON may end with any blank, or none; what a lease lacks it does not hold.
      if (!/^(blobs|layers)/.test(path)) continue;
      const files = storeFiles(path, change);
      expect((await quick(files)).sound, path).toBe(false);
    }
  });

  test('finds and brings back whatever is missing', async () => {
    for (const path of whole.keys()) {
      // What an index lists need not be there, and nothing else tells of that manifest.
      if (path.startsWith('leases/') || path === blob(plain.root.digest)) continue;
      const files = storeFiles();
      files.remove(join(root, path));
      const report = await repaired(files, fromAnywhere);
      expect(report.sound, path).toBe(true);
      expect(report.findings, path).not.toEqual([]);
      expect(changedIn(files), path).toEqual([]);
      expect(await full(files), path).toMatchObject({ sound: true });
    }
  });

  test('is asked for by who opens a store without oci-layout', async () => {
    const files = storeFiles();
    files.remove(join(root, 'oci-layout'));
    await expect(openStore(root, { files })).rejects.toMatchObject({
      code: 'STORE_UNUSABLE',
      hint: 'osv-convert store verify --repair',
    });
  });

  test('keeps the names when index.json is missing, whoever writes first', async () => {
    const files = storeFiles();
    files.remove(join(root, 'index.json'));
    expect(await quick(files)).toMatchObject({ sound: false, checked: { names: 3 } });
    const store = await openStore(root, { files });
    await store.blobs.put(Buffer.from('anything'));
    await store.close();
    expect(changedIn(files)).toEqual([]);
  });

  test('finds nothing wrong in an image layout that another program made', async () => {
    const files = storeFiles();
    files.remove(join(root, 'index.backup.json'));
    const store = await openStore(root, { files, readOnly: true });
    expect(await store.verify({ full: true })).toMatchObject({
      sound: true,
      findings: [{ step: 'index', name: 'index.backup.json', severity: 'note' }],
    });
  });

  test('tells what another program wrote from what the disk changed', async () => {
    const files = storeFiles('index.json', (bytes) =>
      Buffer.from(JSON.stringify(JSON.parse(bytes.toString('utf8')))),
    );
    expect(await full(files)).toMatchObject({
      sound: true,
      findings: [{ step: 'index', name: 'index.backup.json', severity: 'note' }],
    });
    await repaired(files);
    expect(changedIn(files)).toEqual(['index.json', 'index.backup.json']);
    expect(await full(files)).toMatchObject({ sound: true, findings: [] });
  });

  test('keeps what came in the place of a damaged blob meanwhile', async () => {
    const { digest } = image.root;
    const files = storeFiles(blob(digest), flip(9));
    const good = origin.get(digest) ?? Buffer.of();
    const racing: Files = {
      ...files,
      rename(from, to) {
        // A writer who needs no gate comes between the look and the move.
        if (to.includes('quarantine')) {
          const draft = files.create(join(root, 'ingest/draft'));
          draft.write(good, 0);
          draft.close();
          files.rename(join(root, 'ingest/draft'), from);
        }
        return files.rename(from, to);
      },
    };
    const report = await reportOf(racing, { repair: true });
    expect(report.sound).toBe(true);
    expect(changedIn(files)).toEqual([]);
    expect(quarantineOf(files)).toEqual([]);
  });

  test.each([
    ['blobs', blob(lower.descriptor.digest), 'refetched'],
    ['documents', blob(image.config.digest), 'refetched'],
    ['layers', tar(lower.diffID), 'rebuilt'],
    ['layers', layerIndex(lower.diffID), 'rebuilt'],
  ])('mends, in the step %s, a file that the disk does not give: %s', async (step, path, done) => {
    const files = storeFiles();
    const inode = files.stat(join(root, path))?.inode;
    const fail = (read: string): void => {
      if (files.stat(read)?.inode !== inode) return;
      throw Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'read' });
    };
    const failing: Files = {
      ...files,
      readWhole(path) {
        fail(path);
        return files.readWhole(path);
      },
      open(path) {
        const file = files.open(path);
        return (
          file && {
            ...file,
            read(target, position) {
              fail(path);
              return file.read(target, position);
            },
          }
        );
      },
    };
    expect(seriousOf(await full(failing))).toMatchObject([{ step, done: 'none' }]);
    const report = await repaired(failing);
    expect(report.sound).toBe(true);
    expect(seriousOf(report)).toMatchObject([{ step, done }]);
    expect(await full(failing)).toMatchObject({ sound: true });
  });

  test('notes what nobody reads, and lets it be', async () => {
    const files = storeFiles();
    const strays = [
      'notes.txt',
      'blobs/file',
      'blobs/sha256/short',
      'blobs/sha512/other',
      'layers/v1/sha256/old',
      'layers/v2/other',
      'layers/v2/sha256/short',
      `${tar(upper.diffID)}.bak`,
      'leases/file',
      'ingest/1_1_0123456789abcdef_x',
      'quarantine/blob-1',
    ];
    for (const path of strays) {
      for (const folder of foldersOf(path)) files.makeFolder(join(root, folder));
      files.create(join(root, path)).close();
    }
    files.makeFolder(join(root, 'layers/v2/sha256', '0'.repeat(64)));
    const { sound, findings } = await quick(files);
    expect(sound).toBe(true);
    expect(findings.map(({ name }) => name).sort()).toEqual(
      [
        'blobs/file',
        'blobs/sha256/short',
        'ingest/1_1_0123456789abcdef_x',
        `layers/v1`,
        'layers/v2/other',
        `layers/v2/sha256/${'0'.repeat(64)}`,
        'layers/v2/sha256/short',
        `${tar(upper.diffID)}.bak`,
        'leases/file',
        'notes.txt',
        'quarantine',
      ].sort(),
    );
    expect(new Set(findings.map(({ severity }) => severity))).toEqual(new Set(['note']));
  });
});

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
