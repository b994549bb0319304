import { Buffer } from 'node:buffer';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createValidator } from '../../schemas/index.ts';
import {
  type Descriptor,
  type DescriptorPlatform,
  type Digest,
  digestOf,
  hexOf,
  openStore,
  parseDiffID,
  parseDigest,
  type StoreEvent,
  tarEnd,
  tarHeader,
} from '../../store/index.ts';
import { storeErrorOf } from '../../store/io-error.ts';
import { tryLock, withLock } from '../../store/lock.ts';
import { myself } from '../../store/owner.ts';
import { compileStore } from '../support/compile.ts';
import { buildImage } from '../support/image.ts';
import {
  buildLayer,
  type Compression,
  compress,
  directory,
  file,
  hardlink,
  layerTar,
  opaque,
  special,
  symlink,
  whiteout,
} from '../support/layers.ts';

const root = mkdtempSync(join(tmpdir(), 'osv-convert-store-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let dir = '';
let count = 0;
beforeEach(() => {
  count += 1;
  dir = join(root, `store-${count}`);
});

async function* chunks(...parts: readonly Uint8Array[]) {
  yield* parts;
}

async function drain(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of source) {
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

const expected = (bytes: Uint8Array) => ({ digest: digestOf(bytes), size: bytes.length });
const blobPath = (digest: Digest) => join(dir, 'blobs/sha256', hexOf(digest));
const layerPath = (diffID: Digest) => join(dir, 'layers/v1/sha256', hexOf(diffID));
const drafts = () => readdirSync(join(dir, 'ingest'));
const code = (wanted: string) => ({ code: wanted });
const hello = Buffer.from('hello');
const absent = digestOf(Buffer.from('absent'));

const items = [
  directory('', { mtime: 3 }),
  directory('app', { mode: 0o1777, uid: 10, xattrs: { 'user.x': 'AP8=' } }),
  file('app/bin', randomBytes(300_000), { mode: 0o755, mtime: 1.5 }),
  file('app/caf\udce9', ''),
  hardlink('app/again', 'app/bin'),
  symlink('app/link', '/etc/../\udcff'),
  special('dev', 'character', 1, 3),
  whiteout('app/old'),
  opaque('cache'),
];

describe('openStore', () => {
  test('writes nothing when opened and read', async () => {
    const store = await openStore(dir);
    expect(await store.blobs.size(absent)).toBeUndefined();
    expect(await store.refs.list()).toEqual([]);
    expect(await store.layers.has(parseDiffID(absent))).toBe(false);
    expect(existsSync(dir)).toBe(false);
    expect(store.path).toBe(dir);
  });

  test('makes a valid OCI layout when written', async () => {
    mkdirSync(dir);
    const store = await openStore(dir);
    await store.blobs.put(hello);
    expect(JSON.parse(readFileSync(join(dir, 'oci-layout'), 'utf8'))).toEqual({
      imageLayoutVersion: '1.0.0',
    });
    expect(JSON.parse(readFileSync(join(dir, 'index.json'), 'utf8'))).toEqual({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [],
    });
    expect(readFileSync(blobPath(digestOf(hello)))).toEqual(hello);
    await (await openStore(dir)).blobs.put(Buffer.from('again'));
  });

  test('fails as STORE_UNUSABLE when the folder holds other things', async () => {
    mkdirSync(join(dir, 'src'), { recursive: true });
    await expect(openStore(dir)).rejects.toMatchObject({
      ...code('STORE_UNUSABLE'),
      hint: 'choose another folder for the store',
    });
  });

  test('opens a folder that another process is just making a store of', async () => {
    mkdirSync(join(dir, 'ingest'), { recursive: true });
    await expect(openStore(dir)).resolves.toHaveProperty('path', dir);
  });

  test('fails as STORE_UNUSABLE, and ends, where no folder can be made', async () => {
    const store = await openStore('/proc/osv-convert/store');
    await expect(store.blobs.put(Buffer.from('x'))).rejects.toMatchObject(code('STORE_UNUSABLE'));
  });

  test('fails as STORE_UNUSABLE when it is a file or below one', async () => {
    writeFileSync(dir, '');
    await expect(openStore(dir)).rejects.toMatchObject(code('STORE_UNUSABLE'));
    await expect(openStore(join(dir, 'x'))).rejects.toMatchObject(code('STORE_UNUSABLE'));
  });

  test('fails as STORE_VERSION when the layout or the layers are newer', async () => {
    mkdirSync(join(dir, 'layers/v2'), { recursive: true });
    writeFileSync(join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    await expect(openStore(dir)).rejects.toMatchObject(code('STORE_VERSION'));
    mkdirSync(join(dir, 'layers/v1'));
    await expect(openStore(dir)).resolves.toHaveProperty('path', dir);
    writeFileSync(join(dir, 'oci-layout'), '{"imageLayoutVersion":"2.0.0"}');
    await expect(openStore(dir)).rejects.toMatchObject(code('STORE_VERSION'));
    writeFileSync(join(dir, 'oci-layout'), '7');
    await expect(openStore(dir)).rejects.toMatchObject(code('STORE_VERSION'));
  });

  test('fails as STORE_CORRUPT when the layout file is no JSON', async () => {
    mkdirSync(dir);
    writeFileSync(join(dir, 'oci-layout'), '');
    await expect(openStore(dir)).rejects.toMatchObject(code('STORE_CORRUPT'));
  });
});

describe('blobs', () => {
  test('write takes a blob, and again when it is there', async () => {
    const events: StoreEvent[] = [];
    const { blobs } = await openStore(dir, { onEvent: (event) => events.push(event) });
    await blobs.write(expected(hello), chunks(Buffer.from('hel'), Buffer.from('lo')));
    await blobs.write(expected(hello), chunks(hello));
    expect(await blobs.size(digestOf(hello))).toBe(5);
    expect(await blobs.read(digestOf(hello), 5)).toEqual(hello);
    expect(events[0]).toEqual({ event: 'blob-written', ...expected(hello) });
    expect(drafts()).toEqual([]);
  });

  test('write succeeds for both when two write the same blob', async () => {
    const { blobs } = await openStore(dir);
    const big = randomBytes(3_000_000);
    const slices = [0, 1, 2].map((n) => big.subarray(n * 1_000_000, (n + 1) * 1_000_000));
    const writes = [1, 2, 3].map(() => blobs.write(expected(big), chunks(...slices)));
    await Promise.all(writes);
    expect((await blobs.read(digestOf(big), 3_000_000)).length).toBe(3_000_000);
    expect(drafts()).toEqual([]);
  });

  test.each([
    ['SIZE_MISMATCH', 'too short', { ...expected(hello), size: 6 }],
    ['SIZE_MISMATCH', 'too long', { ...expected(hello), size: 4 }],
    ['DIGEST_MISMATCH', 'other bytes', { digest: absent, size: 5 }],
  ])('write fails as %s and leaves nothing when the source gives %s', async (wanted, _, claim) => {
    const { blobs } = await openStore(dir);
    await expect(blobs.write(claim, chunks(hello))).rejects.toMatchObject(code(wanted));
    expect(await blobs.size(claim.digest)).toBeUndefined();
    expect(drafts()).toEqual([]);
  });

  test('write closes its source and leaves nothing when it is aborted', async () => {
    const { blobs } = await openStore(dir);
    const controller = new AbortController();
    let closed = false;
    const endless = async function* () {
      try {
        for (let n = 0; ; n += 1) {
          if (n === 3) {
            controller.abort(new Error('enough'));
          }
          yield Buffer.alloc(1000);
        }
      } finally {
        closed = true;
      }
    };
    const claim = { digest: absent, size: 1e9 };
    await expect(blobs.write(claim, endless(), controller)).rejects.toThrow('enough');
    expect(closed).toBe(true);
    expect(drafts()).toEqual([]);
  });

  test('write passes on the failure of its source as it is', async () => {
    const { blobs } = await openStore(dir);
    const failure = Object.assign(new Error('reset'), { code: 'ECONNRESET', syscall: 'read' });
    const broken = async function* () {
      yield hello;
      throw failure;
    };
    await expect(blobs.write({ digest: absent, size: 9 }, broken())).rejects.toBe(failure);
    expect(drafts()).toEqual([]);
  });

  test('read, stream and open fail as BLOB_MISSING when there is none', async () => {
    const { blobs } = await openStore(dir);
    await expect(blobs.read(absent, 10)).rejects.toMatchObject(code('BLOB_MISSING'));
    await expect(drain(blobs.stream(absent))).rejects.toMatchObject(code('BLOB_MISSING'));
    await expect(blobs.open(absent)).rejects.toMatchObject(code('BLOB_MISSING'));
  });

  test('read fails as SIZE_MISMATCH when the blob is larger than the cap', async () => {
    const { blobs } = await openStore(dir);
    await blobs.put(hello);
    await expect(blobs.read(digestOf(hello), 4)).rejects.toMatchObject(code('SIZE_MISMATCH'));
  });

  test('read and stream fail as DIGEST_MISMATCH when the file has changed', async () => {
    const { blobs } = await openStore(dir);
    const digest = await blobs.put(hello);
    writeFileSync(blobPath(digest), 'jello');
    await expect(blobs.read(digest, 5)).rejects.toMatchObject(code('DIGEST_MISMATCH'));
    await expect(drain(blobs.stream(digest))).rejects.toMatchObject(code('DIGEST_MISMATCH'));
  });

  test('put writes a blob again when its file has lost bytes', async () => {
    const { blobs } = await openStore(dir);
    const digest = await blobs.put(hello);
    truncateSync(blobPath(digest), 2);
    await blobs.put(hello);
    expect(await blobs.read(digest, 5)).toEqual(hello);
  });

  test('stream stops when it is aborted', async () => {
    const { blobs } = await openStore(dir);
    const digest = await blobs.put(randomBytes(3_000_000));
    const controller = new AbortController();
    const seen: number[] = [];
    const reading = async () => {
      for await (const chunk of blobs.stream(digest, controller)) {
        seen.push(chunk.length);
        controller.abort(new Error('enough'));
      }
    };
    await expect(reading()).rejects.toThrow('enough');
    expect(seen).toHaveLength(1);
  });

  test('open reads at any position, less at the end and nothing behind it', async () => {
    const { blobs } = await openStore(dir);
    const blob = await blobs.open(await blobs.put(hello));
    expect(blob.size).toBe(5);
    expect(blob.path).toBe(blobPath(digestOf(hello)));
    expect(await blob.read(1, 3)).toEqual(Buffer.from('ell'));
    expect(await blob.read(3, 9)).toEqual(Buffer.from('lo'));
    expect(await blob.read(9, 9)).toHaveLength(0);
    await blob.close();
  });
});

describe('layers', () => {
  test.each(['gzip', 'zstd', 'none'] as const)(
    'ingest takes a layer when it is %s',
    async (compression: Compression) => {
      const events: StoreEvent[] = [];
      const store = await openStore(dir, { onEvent: (event) => events.push(event) });
      const built = buildLayer(items, { compression });
      const blob = await store.blobs.put(built.blob);
      await store.layers.ingest(blob, built.diffID);
      await store.layers.ingest(blob, built.diffID);
      expect(await store.layers.has(built.diffID)).toBe(true);
      const layer = await store.layers.open(built.diffID);
      expect(layer.index).toMatchObject({ diffID: built.diffID, size: built.tar.length });
      for (const [at, { entry, bytes }] of items.entries()) {
        const found = layer.index.entries[at];
        expect(found).toMatchObject(entry);
        if (found?.kind === 'file') {
          const read = Buffer.alloc(found.size);
          readSync(layer.fd, read, 0, found.size, found.offset);
          expect(read.equals(bytes)).toBe(true);
          expect(found.digest).toBe(digestOf(bytes));
        }
      }
      layer.close();
      const size = built.blob.length;
      expect(events).toContainEqual({ event: 'layer-progress', digest: blob, read: size, size });
      expect(events.filter(({ event }) => event === 'layer-written')).toEqual([
        {
          event: 'layer-written',
          diffID: built.diffID,
          size: built.tar.length,
          entries: items.length,
        },
      ]);
      expect(drafts()).toEqual([]);
    },
  );

  const built = buildLayer(items);

  test.each([
    ['DIGEST_MISMATCH', 'the uncompressed digest is another', built.blob, parseDiffID(absent)],
    ['LAYER_CORRUPT', 'the stream is cut off', built.blob.subarray(0, -10), built.diffID],
    ['LAYER_CORRUPT', 'the tar is cut off', built.tar.subarray(0, 200_000), built.diffID],
    ['LAYER_CORRUPT', 'it is no tar', Buffer.alloc(1024, 'x'), built.diffID],
  ])('ingest fails as %s and leaves nothing when %s', async (wanted, _, bytes, diffID) => {
    const { blobs, layers } = await openStore(dir);
    const blob = await blobs.put(bytes);
    await expect(layers.ingest(blob, diffID)).rejects.toMatchObject(code(wanted));
    expect(await layers.has(diffID)).toBe(false);
    expect(existsSync(layerPath(diffID))).toBe(false);
    expect(drafts()).toEqual([]);
  });

  test('ingest fails as BLOB_MISSING when there is no such blob', async () => {
    const { layers } = await openStore(dir);
    const failed = expect(layers.ingest(absent, built.diffID)).rejects;
    await failed.toMatchObject(code('BLOB_MISSING'));
  });

  test('ingest fails as DIGEST_MISMATCH when the blob has rotted', async () => {
    const { blobs, layers } = await openStore(dir);
    const blob = await blobs.put(built.blob);
    const rotten = Buffer.from(built.blob);
    rotten.fill(0, 100, 200);
    writeFileSync(blobPath(blob), rotten);
    await expect(layers.ingest(blob, built.diffID)).rejects.toMatchObject(code('DIGEST_MISMATCH'));
  });

  test('ingest fails as LAYER_LIMIT and leaves nothing when the layer is too large', async () => {
    const { blobs, layers } = await openStore(dir, { limits: { layerSize: 1000 } });
    const blob = await blobs.put(built.blob);
    await expect(layers.ingest(blob, built.diffID)).rejects.toMatchObject(code('LAYER_LIMIT'));
    expect(drafts()).toEqual([]);
  });

  test('ingest leaves nothing when it is aborted', async () => {
    const controller = new AbortController();
    const onEvent = ({ event }: StoreEvent) => {
      if (event === 'layer-progress') {
        controller.abort(new Error('enough'));
      }
    };
    const { blobs, layers } = await openStore(dir, { onEvent });
    const large = buildLayer([file('a', randomBytes(4_000_000))]);
    const blob = await blobs.put(large.blob);
    await expect(layers.ingest(blob, large.diffID, controller)).rejects.toThrow('enough');
    expect(await layers.has(large.diffID)).toBe(false);
    expect(drafts()).toEqual([]);
  });

  test('ingest succeeds for all when several take the same layer', async () => {
    const { blobs, layers } = await openStore(dir);
    const blob = await blobs.put(built.blob);
    await Promise.all([1, 2, 3].map(() => layers.ingest(blob, built.diffID)));
    (await layers.open(built.diffID)).close();
  });

  test('ingest takes a layer again when only its tar was committed', async () => {
    const { blobs, layers } = await openStore(dir);
    const blob = await blobs.put(built.blob);
    await layers.ingest(blob, built.diffID);
    rmSync(join(layerPath(built.diffID), 'index'));
    expect(await layers.has(built.diffID)).toBe(false);
    await layers.ingest(blob, built.diffID);
    (await layers.open(built.diffID)).close();
  });

  test('write takes a tar made here as a layer and as a blob', async () => {
    const { blobs, layers } = await openStore(dir);
    const tar = layerTar(items);
    const written = await layers.write(chunks(tar.subarray(0, 700), tar.subarray(700)));
    expect(written).toEqual({ diffID: digestOf(tar), size: tar.length });
    expect(await layers.write(chunks(tar))).toEqual(written);
    const blob = await blobs.read(written.diffID, tar.length);
    expect(Buffer.compare(blob, tar)).toBe(0);
    (await layers.open(written.diffID)).close();
    expect(statSync(blobPath(written.diffID)).nlink).toBe(2);
    expect(drafts()).toEqual([]);
  });

  const immutable = (path: string, flag: '+i' | '-i') =>
    spawnSync('chattr', [flag, path], { stdio: 'ignore' }).status === 0;

  test('write copies the tar as a blob when it cannot be linked', async ({ skip }) => {
    const { blobs, layers } = await openStore(dir);
    const tar = layerTar(items);
    const { diffID } = await layers.write(chunks(tar));
    const path = join(layerPath(diffID), 'tar');
    rmSync(blobPath(diffID));
    // Nobody may link an immutable file; only root on some file systems can make one.
    skip(!immutable(path, '+i'), 'needs chattr +i');
    try {
      await layers.write(chunks(tar));
      expect(await blobs.size(diffID)).toBe(tar.length);
      expect(statSync(blobPath(diffID)).nlink).toBe(1);
      expect(drafts()).toEqual([]);
    } finally {
      immutable(path, '-i');
    }
  });

  test('open fails as BLOB_MISSING when the layer was never taken in', async () => {
    const { layers } = await openStore(dir);
    const failed = expect(layers.open(built.diffID)).rejects;
    await failed.toMatchObject(code('BLOB_MISSING'));
  });

  test.each([
    ['the index is no JSON', 'index', '{"version":1'],
    ['the index is of another shape', 'index', '{"version":1}'],
    [
      'the index is of another layer',
      'index',
      JSON.stringify({ version: 1, diffID: absent, size: 0, entries: [] }),
    ],
    ['the tar has lost bytes', 'tar', ''],
    ['the tar is gone', 'tar', undefined],
  ])('open fails as STORE_CORRUPT when %s', async (_, name, text) => {
    const { blobs, layers } = await openStore(dir);
    await layers.ingest(await blobs.put(built.blob), built.diffID);
    const path = join(layerPath(built.diffID), name);
    if (text === undefined) {
      rmSync(path);
    } else {
      writeFileSync(path, text);
    }
    await expect(layers.open(built.diffID)).rejects.toMatchObject({
      ...code('STORE_CORRUPT'),
      message: expect.stringContaining(path),
      hint: `rm -r '${layerPath(built.diffID)}' and pull the image again`,
    });
  });

  test('the index satisfies its schema, and no longer when a value of it is broken', async () => {
    const { blobs, layers } = await openStore(dir);
    await layers.ingest(await blobs.put(built.blob), built.diffID);
    const text = readFileSync(join(layerPath(built.diffID), 'index'), 'utf8');
    const validate = await createValidator('layer-index');
    expect(validate(JSON.parse(text))).toBeUndefined();
    for (const [from, to] of [
      ['"version":1', '"version":2'],
      ['"kind":"file"', '"kind":"directory"'],
      ['"path":"app/link"', '"path":"app/../link"'],
      ['"path":"app/bin"', '"path":"/app/bin"'],
      ['"mode":493', '"mode":4096'],
      ['"size":300000', '"size":-1'],
      ['"digest":"sha256:', '"digest":"sha257:'],
      ['"type":"character"', '"type":"socket"'],
      ['"kind":"opaque"', '"kind":"clear"'],
    ] as const) {
      expect(text).toContain(from);
      expect(validate(JSON.parse(text.replace(from, to)))).toMatch(
        /^at .*: found .*, wanted it to/,
      );
    }
  });
});

describe('refs', () => {
  const descriptor = (n: number): Descriptor => ({
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: digestOf(Buffer.from(String(n))),
    size: n,
  });
  const indexFile = () => join(dir, 'index.json');
  const readIndex = (): { manifests: Descriptor[]; [key: string]: unknown } =>
    JSON.parse(readFileSync(indexFile(), 'utf8'));

  test('set, get, list and delete name manifests', async () => {
    const { refs } = await openStore(dir);
    await refs.set('b:1', descriptor(1));
    await refs.set('a:1', { ...descriptor(2), annotations: { kept: 'x' } });
    await refs.set('b:1', descriptor(3));
    expect((await refs.list()).map(({ name, descriptor: { size } }) => [name, size])).toEqual([
      ['a:1', 2],
      ['b:1', 3],
    ]);
    expect(await refs.get('a:1')).toEqual({
      ...descriptor(2),
      annotations: { kept: 'x', 'org.opencontainers.image.ref.name': 'a:1' },
    });
    expect(await refs.delete('a:1')).toBe(true);
    expect(await refs.delete('a:1')).toBe(false);
    expect(await refs.get('a:1')).toBeUndefined();
    expect(readdirSync(join(dir, 'leases'))).toEqual([]);
  });

  test('a name leads to one manifest for each platform', async () => {
    const { refs } = await openStore(dir);
    const arm: DescriptorPlatform = { os: 'linux', architecture: 'arm', variant: 'v7' };
    const amd64: DescriptorPlatform = { os: 'linux', architecture: 'amd64' };
    const sizes = async () => (await refs.list()).map(({ descriptor: { size } }) => size);
    await refs.set('a:1', { ...descriptor(1), platform: arm });
    expect((await refs.get('a:1'))?.size).toBe(1);
    await refs.set('a:1', { ...descriptor(2), platform: amd64 });
    await refs.set('a:1', { ...descriptor(3), platform: { ...arm, variant: 'v6' } });
    expect(await sizes()).toEqual([1, 2, 3]);
    expect((await refs.get('a:1'))?.size).toBe(2);
    expect((await refs.get('a:1', arm))?.size).toBe(1);
    expect(await refs.get('a:1', { ...arm, variant: 'v8' })).toBeUndefined();
    await refs.set('a:1', { ...descriptor(4), platform: arm });
    expect(await sizes()).toEqual([2, 3, 4]);
    await refs.set('a:1', descriptor(5));
    expect(await sizes()).toEqual([5]);
    expect((await refs.get('a:1', arm))?.size).toBe(5);
    await refs.set('a:1', { ...descriptor(6), platform: arm });
    expect(await sizes()).toEqual([6]);
    await refs.set('a:1', { ...descriptor(2), platform: amd64 });
    expect(await refs.delete('a:1')).toBe(true);
    expect(await sizes()).toEqual([]);
  });

  test('set writes nothing when the name leads there already', async () => {
    const { refs } = await openStore(dir);
    await refs.set('a', descriptor(1));
    const before = statSync(join(dir, 'index.json')).ino;
    await refs.set('a', descriptor(1));
    expect(statSync(join(dir, 'index.json')).ino).toBe(before);
  });

  test('set keeps what other tools wrote', async () => {
    const { refs } = await openStore(dir);
    await refs.set('a', descriptor(1));
    const foreign = [
      { ...descriptor(7), urls: ['https://example.com'] },
      {
        mediaType: 'x',
        digest: `sha512:${'0'.repeat(128)}`,
        size: 1,
        annotations: { 'org.opencontainers.image.ref.name': 'theirs' },
      },
    ];
    const { mediaType: _, ...index } = readIndex();
    const written = {
      ...index,
      manifests: [...index.manifests, ...foreign],
      annotations: { k: 'v' },
    };
    writeFileSync(indexFile(), JSON.stringify(written));
    await refs.set('b', descriptor(2));
    expect(readIndex()).toMatchObject({
      mediaType: 'application/vnd.oci.image.index.v1+json',
      annotations: { k: 'v' },
    });
    expect(readIndex().manifests).toEqual(expect.arrayContaining(foreign));
    expect((await refs.list()).map(({ name }) => name)).toEqual(['a', 'b']);
    expect(await refs.get('theirs')).toBeUndefined();
  });

  test.each(['{', '[]', '{"schemaVersion":1,"manifests":[]}'])(
    'list fails as STORE_CORRUPT when index.json is %s',
    async (text) => {
      const { refs } = await openStore(dir);
      await refs.set('a', descriptor(1));
      writeFileSync(indexFile(), text);
      await expect(refs.list()).rejects.toMatchObject({
        ...code('STORE_CORRUPT'),
        message: expect.stringContaining(indexFile()),
      });
    },
  );

  test('set loses nothing when called many times at once', async () => {
    const stores = await Promise.all([1, 2, 3].map(() => openStore(dir)));
    await Promise.all(
      Array.from({ length: 24 }, (_, n) => stores[n % 3]?.refs.set(`ref-${n}`, descriptor(n))),
    );
    expect(await stores[0]?.refs.list()).toHaveLength(24);
  });
});

describe('withLock', () => {
  const lock = () => {
    mkdirSync(dir, { recursive: true });
    return join(dir, 'lock');
  };

  test('lets one in at a time', async () => {
    const path = lock();
    let inside = 0;
    let most = 0;
    const turns = Array.from({ length: 12 }, () =>
      withLock(path, async () => {
        inside += 1;
        most = Math.max(most, inside);
        await new Promise(setImmediate);
        inside -= 1;
      }),
    );
    await Promise.all(turns);
    expect(most).toBe(1);
    expect(readdirSync(dir)).toEqual([]);
  });

  test('lets go when its user fails', async () => {
    const path = lock();
    const failing = withLock(path, () => Promise.reject(new Error('failed')));
    await expect(failing).rejects.toThrow('failed');
    expect(readdirSync(dir)).toEqual([]);
  });

  test('takes over from dead owners, one at a time, when many find them', async () => {
    const path = lock();
    const { realm } = await myself();
    symlinkSync(`4194305 1 ${realm} t1`, path);
    symlinkSync(`${process.pid} 1 ${realm} t2`, `${path}.t1`);
    let inside = 0;
    const turns = Array.from({ length: 8 }, () =>
      withLock(path, async () => {
        inside += 1;
        expect(inside).toBe(1);
        await new Promise(setImmediate);
        inside -= 1;
      }),
    );
    await Promise.all(turns);
    expect(readdirSync(dir)).toEqual([]);
  });

  test('waits for an owner of another boot or container as long as the grace', async () => {
    const path = lock();
    symlinkSync('1 1 elsewhere t1', path);
    const waiting = withLock(path, async () => 'in', { patience: 60, grace: 1e6 });
    await expect(waiting).rejects.toMatchObject(code('STORE_UNUSABLE'));
    expect(await withLock(path, async () => 'in', { grace: 0 })).toBe('in');
  });

  test('shows to other boots and containers, again and again, that its owner lives', async () => {
    const path = lock();
    const held = await tryLock(path, 40);
    const taken = lstatSync(path).mtimeMs;
    await expect.poll(() => lstatSync(path).mtimeMs).toBeGreaterThan(taken);
    await held?.release();
    expect(readdirSync(dir)).toEqual([]);
  });

  test('fails as STORE_UNUSABLE when the owner lives and does not let go', async () => {
    const path = lock();
    await withLock(path, async () => {
      const waiting = withLock(path, async () => 'in', { patience: 60 });
      await expect(waiting).rejects.toMatchObject({
        ...code('STORE_UNUSABLE'),
        hint: `see who holds it: readlink '${path}'`,
      });
    });
  });
});

describe('a store shared by processes', () => {
  let compiled = '';
  beforeAll(() => {
    const folder = join(root, 'compiled');
    mkdirSync(folder);
    compiled = compileStore(folder);
  });

  const start = (script: string) => {
    const child = spawn(
      process.execPath,
      ['--input-type=module', '-e', `import * as store from ${JSON.stringify(compiled)};${script}`],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    return { child, done: once(child, 'close') };
  };

  test('loses no ref when several update it', async () => {
    const script = (who: number) => `
      const { refs } = await store.openStore(${JSON.stringify(dir)});
      for (let n = 0; n < 15; n += 1) {
        await refs.set('p${who}-' + n, { mediaType: 'm', digest: store.digestOf(Buffer.from('x')), size: 1 });
      }`;
    const ends = await Promise.all([1, 2, 3, 4].map((who) => start(script(who)).done));
    expect(ends.map(([status]) => status)).toEqual([0, 0, 0, 0]);
    expect(await (await openStore(dir)).refs.list()).toHaveLength(60);
  });

  test('takes one image from several who pull it at once', async () => {
    const { tar, blob, diffID, descriptor } = buildLayer([file('f', randomBytes(3_000_000))]);
    writeFileSync(join(root, 'pulled'), blob);
    const script = `
      import { readFileSync } from 'node:fs';
      const { blobs, layers, refs } = await store.openStore(${JSON.stringify(dir)});
      const source = async function* () { yield readFileSync(${JSON.stringify(join(root, 'pulled'))}); };
      const descriptor = ${JSON.stringify(descriptor)};
      await blobs.write(descriptor, source());
      await layers.ingest(descriptor.digest, '${diffID}');
      (await layers.open('${diffID}')).close();
      await refs.set('pulled', descriptor);`;
    const ends = await Promise.all([1, 2, 3, 4].map(() => start(script).done));
    expect(ends.map(([status]) => status)).toEqual([0, 0, 0, 0]);
    const { blobs, refs } = await openStore(dir);
    expect((await drain(blobs.stream(descriptor.digest))).equals(blob)).toBe(true);
    expect(readFileSync(join(layerPath(diffID), 'tar')).equals(tar)).toBe(true);
    expect(await refs.list()).toHaveLength(1);
    expect([...drafts(), ...readdirSync(join(dir, 'leases'))]).toEqual([]);
  });

  test.each(['gzip', 'zstd'] as const)(
    'takes a large %s layer in memory that does not grow with it',
    async (compression) => {
      const mebibytes = 400;
      const piece = Buffer.alloc(2 ** 20, randomBytes(2 ** 14));
      const size = mebibytes * piece.length;
      const owner = { mode: 0o644, uid: 0, gid: 0, mtime: 0 };
      const head = tarHeader({ kind: 'file', path: 'large', size, ...owner });
      // Gzip members and zstd frames may be put one after the other.
      const packed = (bytes: Uint8Array) => compress(bytes, compression);
      const body = packed(piece);
      const blob = Buffer.concat([packed(head), ...Array(mebibytes).fill(body), packed(tarEnd)]);
      const hash = createHash('sha256').update(head);
      for (let n = 0; n < mebibytes; n += 1) {
        hash.update(piece);
      }
      const diffID = `sha256:${hash.update(tarEnd).digest('hex')}`;
      const digest = await (await openStore(dir)).blobs.put(blob);
      const { child, done } = start(`
        import { readFileSync } from 'node:fs';
        const { layers } = await store.openStore(${JSON.stringify(dir)});
        await layers.ingest('${digest}', '${diffID}');
        // The peak of this process alone: getrusage(2) counts its parent's, too.
        console.log(/VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1] / 1024);`);
      const [text] = await once(child.stdout, 'data');
      await done;
      expect(Number(text)).toBeLessThan(mebibytes / 2);
    },
  );

  test('goes on when a process was killed in the middle', async () => {
    const { child, done } = start(`
      const { blobs, refs } = await store.openStore(${JSON.stringify(dir)});
      await blobs.put(Buffer.from('x'));
      const { tryLock } = await import(${JSON.stringify(join(compiled, '../lock.js'))});
      await tryLock(${JSON.stringify(join(dir, 'leases/index.lock'))});
      const endless = async function* () { for (;;) { console.log('going'); yield new Uint8Array(1000); await new Promise(setImmediate); } };
      await blobs.write({ digest: store.digestOf(Buffer.from('y')), size: 1e12 }, endless());
    `);
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await done;
    expect(drafts()).toHaveLength(1);
    const { blobs, refs } = await openStore(dir);
    expect(await blobs.size(digestOf(Buffer.from('y')))).toBeUndefined();
    await refs.set('after', { mediaType: 'm', digest: digestOf(hello), size: 1 });
    expect(await refs.list()).toHaveLength(1);
  });

  const namespaces = spawnSync('unshare', ['-rm', 'true']).status === 0;
  test.runIf(namespaces)('fails as STORE_FULL and leaves nothing when the disk is full', () => {
    mkdirSync(dir);
    const script = join(root, 'full.mjs');
    writeFileSync(
      script,
      `import * as store from ${JSON.stringify(compiled)};
      import { existsSync, readdirSync } from 'node:fs';
      const { blobs, layers } = await store.openStore(${JSON.stringify(dir)});
      const bytes = Buffer.alloc(2_000_000, 'x');
      const failures = [];
      const source = async function* () { yield bytes; };
      for (const call of [
        () => blobs.write({ digest: store.digestOf(bytes), size: bytes.length }, source()),
        () => blobs.put(bytes),
        () => layers.write(roomForTarAlone()),
        () => blobs.fetch({ digest: store.digestOf(bytes), size: bytes.length }, source),
      ]) {
        await call().catch((error) => failures.push(error.code));
      }
      console.log(JSON.stringify({ failures, drafts: readdirSync(${JSON.stringify(join(dir, 'ingest'))}), layers: existsSync(${JSON.stringify(join(dir, 'layers'))}) }));

      async function* roomForTarAlone() {
        for (let n = 0; n < 700; n += 1) {
          yield store.tarHeader({ kind: 'file', path: 'd'.repeat(80) + '/' + n, mode: 0, uid: 0, gid: 0, mtime: 0, size: 0 });
        }
        yield store.tarEnd;
      }`,
    );
    const mount = `mount -t tmpfs -o size=500k tmpfs '${dir}' && exec '${process.execPath}' '${script}'`;
    const output = execFileSync('unshare', ['-rm', 'sh', '-c', mount], { encoding: 'utf8' });
    const failures = ['STORE_FULL', 'STORE_FULL', 'STORE_FULL', 'STORE_FULL'];
    // What was fetched stays, to be continued when there is room.
    expect(JSON.parse(output)).toEqual({ failures, drafts: ['partial'], layers: false });
  });

  test.runIf(namespaces)('is read, and takes again what it has, when it is read-only', async () => {
    const built = buildLayer([file('f', 'bytes')]);
    const script = join(root, 'read-only.mjs');
    writeFileSync(
      script,
      `import * as store from ${JSON.stringify(compiled)};
      const { blobs, layers, refs } = await store.openStore(${JSON.stringify(dir)});
      const descriptor = ${JSON.stringify(built.descriptor)};
      await blobs.put(Buffer.from(${JSON.stringify(Buffer.from(built.blob).toString('base64'))}, 'base64'));
      await layers.ingest(descriptor.digest, '${built.diffID}');
      await refs.set('pulled', descriptor);
      (await layers.open('${built.diffID}')).close();
      const failed = await refs.set('other', descriptor).catch((error) => error.code);
      console.log(JSON.stringify({ names: (await refs.list()).map(({ name }) => name), failed }));`,
    );
    const { blobs, layers, refs } = await openStore(dir);
    await layers.ingest(await blobs.put(built.blob), built.diffID);
    await refs.set('pulled', built.descriptor);
    const mount = `mount --bind '${dir}' '${dir}' && mount -o remount,ro,bind '${dir}' && exec '${process.execPath}' '${script}'`;
    const output = execFileSync('unshare', ['-rm', 'sh', '-c', mount], { encoding: 'utf8' });
    expect(JSON.parse(output)).toEqual({ names: ['pulled'], failed: 'STORE_UNUSABLE' });
  });

  test.runIf(namespaces)('says so when a folder of it is on another file system', async () => {
    await (await openStore(dir)).blobs.put(hello);
    const script = join(root, 'elsewhere.mjs');
    writeFileSync(
      script,
      `import * as store from ${JSON.stringify(compiled)};
      const { blobs } = await store.openStore(${JSON.stringify(dir)});
      const { code, message } = await blobs.put(Buffer.from('more')).catch((error) => error);
      console.log(JSON.stringify({ code, message }));`,
    );
    const mount = `mount -t tmpfs tmpfs '${join(dir, 'blobs')}' && exec '${process.execPath}' '${script}'`;
    const output = execFileSync('unshare', ['-rm', 'sh', '-c', mount], { encoding: 'utf8' });
    expect(JSON.parse(output)).toEqual({
      code: 'STORE_UNUSABLE',
      message: expect.stringMatching(
        /another file system \(EXDEV\), wanted all of the store on one/,
      ),
    });
  });
});

describe('storeErrorOf', () => {
  test('gives STORE_FULL for what a full device says', () => {
    const fd = openSync('/dev/full', 'w');
    try {
      writeSync(fd, 'x');
      expect.unreachable();
    } catch (error) {
      expect(storeErrorOf(error, '/dev/full')).toMatchObject(code('STORE_FULL'));
    }
  });

  test('gives STORE_UNUSABLE for what a missing folder says, and anything else as it is', () => {
    try {
      readdirSync(join(root, 'nowhere'));
      expect.unreachable();
    } catch (error) {
      expect(storeErrorOf(error, 'x')).toMatchObject(code('STORE_UNUSABLE'));
    }
    const defect = new TypeError('defect');
    expect(storeErrorOf(defect, 'x')).toBe(defect);
  });

  test('is what a write says when a folder of the store is in the way', async () => {
    const { blobs } = await openStore(dir);
    await blobs.put(hello);
    rmSync(join(dir, 'blobs'), { recursive: true });
    writeFileSync(join(dir, 'blobs'), '');
    const failed = expect(blobs.put(Buffer.from('more'))).rejects;
    await failed.toMatchObject(code('STORE_UNUSABLE'));
    expect(drafts()).toEqual([]);
  });

  test.skipIf(process.getuid?.() === 0)('is what a write says when it is not allowed', async () => {
    mkdirSync(dir);
    chmodSync(dir, 0o500);
    const { blobs } = await openStore(dir);
    await expect(blobs.put(hello)).rejects.toMatchObject(code('STORE_UNUSABLE'));
  });
});

describe('parseDigest', () => {
  test('fails as DIGEST_INVALID for all but canonical sha256 digests', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => parseDigest(text)).toThrow(expect.objectContaining(code('DIGEST_INVALID')));
      }),
    );
    expect(() => parseDigest(absent.toUpperCase())).toThrow();
    expect(() => parseDigest(`${absent}\n`)).toThrow();
    expect(parseDigest(absent)).toBe(absent);
  });
});

describe('other tools', () => {
  const installed = (tool: string) => spawnSync(tool, ['--version']).status === 0;
  const layers = [[directory('app'), file('app/hello', 'hello')], [whiteout('app/hello')]];

  const fill = async (compression: Compression) => {
    const store = await openStore(dir);
    const image = buildImage({ layers, compression, config: { Entrypoint: ['/app/hello'] } });
    for (const bytes of image.blobs.values()) {
      await store.blobs.put(bytes);
    }
    for (const { descriptor, diffID } of image.layers) {
      await store.layers.ingest(descriptor.digest, diffID);
    }
    await store.refs.set('example.com/app:1.0', image.root);
    return image;
  };

  test.runIf(installed('skopeo'))('skopeo reads the store', async () => {
    for (const compression of ['gzip', 'zstd', 'none'] as const) {
      const image = await fill(compression);
      const args = ['inspect', '--raw', `oci:${dir}:example.com/app:1.0`];
      const raw = execFileSync('skopeo', args);
      expect(digestOf(raw)).toBe(image.root.digest);
    }
    const copied = join(root, 'copied');
    await fill('gzip');
    const from = `oci:${dir}:example.com/app:1.0`;
    execFileSync('skopeo', ['--insecure-policy', 'copy', '-q', from, `oci:${copied}:x`]);
    expect(await (await openStore(copied)).refs.get('x')).toBeDefined();
  });

  test.runIf(installed('umoci'))('umoci reads the store', async () => {
    await fill('gzip');
    const tags = execFileSync('umoci', ['ls', '--layout', dir], { encoding: 'utf8' });
    expect(tags.trim()).toBe('example.com/app:1.0');
    const args = ['stat', '--image', `${dir}:example.com/app:1.0`, '--json'];
    expect(JSON.parse(execFileSync('umoci', args, { encoding: 'utf8' })).history).toBeDefined();
  });

  // A test that is not there would not be missed: the report names the tool that was.
  for (const tool of ['skopeo', 'umoci'].filter((name) => !installed(name))) {
    test.skip(`${tool} reads the store (left out: ${tool} is not installed)`, () => {});
  }
});
