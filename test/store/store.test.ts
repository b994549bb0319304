import { Buffer } from 'node:buffer';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createValidator } from '../../schemas/index.ts';
import { storeErrorOf } from '../../store/files/io-error.ts';
import {
  type Digest,
  digestOf,
  hexOf,
  openStore,
  parseDiffID,
  parseDigest,
} from '../../store/index.ts';
import {
  buildLayer,
  directory,
  file,
  hardlink,
  layerTar,
  opaque,
  special,
  symlink,
  whiteout,
} from '../support/layers.ts';
import { code, dir, drafts, hello, layerPath, root } from './one-store.ts';

async function* chunks(...parts: readonly Uint8Array[]) {
  yield* parts;
}

const blobPath = (digest: Digest) => join(dir(), 'blobs/sha256', hexOf(digest));
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
    const store = await openStore(dir());
    expect(await store.blobs.size(absent)).toBeUndefined();
    expect(await store.refs.list()).toEqual([]);
    expect(await store.layers.has(parseDiffID(absent))).toBe(false);
    expect(existsSync(dir())).toBe(false);
    expect(store.path).toBe(dir());
  });

  test('makes a valid OCI layout when written', async () => {
    mkdirSync(dir());
    const store = await openStore(dir());
    await store.blobs.put(hello);
    expect(JSON.parse(readFileSync(join(dir(), 'oci-layout'), 'utf8'))).toEqual({
      imageLayoutVersion: '1.0.0',
    });
    expect(JSON.parse(readFileSync(join(dir(), 'index.json'), 'utf8'))).toEqual({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [],
    });
    expect(readFileSync(blobPath(digestOf(hello)))).toEqual(hello);
    await (await openStore(dir())).blobs.put(Buffer.from('again'));
  });

  test('fails as STORE_UNUSABLE when the folder holds other things', async () => {
    mkdirSync(join(dir(), 'src'), { recursive: true });
    await expect(openStore(dir())).rejects.toMatchObject({
      ...code('STORE_UNUSABLE'),
      hint: 'choose another folder for the store',
    });
  });

  test('opens a folder that another process is just making a store of', async () => {
    mkdirSync(join(dir(), 'ingest'), { recursive: true });
    await expect(openStore(dir())).resolves.toHaveProperty('path', dir());
  });

  test('fails as STORE_UNUSABLE, and ends, where no folder can be made', async () => {
    const store = await openStore('/proc/osv-convert/store');
    await expect(store.blobs.put(Buffer.from('x'))).rejects.toMatchObject(code('STORE_UNUSABLE'));
  });

  test('fails as STORE_UNUSABLE when it is a file or below one', async () => {
    writeFileSync(dir(), '');
    await expect(openStore(dir())).rejects.toMatchObject(code('STORE_UNUSABLE'));
    await expect(openStore(join(dir(), 'x'))).rejects.toMatchObject(code('STORE_UNUSABLE'));
  });

  test('fails as STORE_VERSION when the layout or the layers are newer', async () => {
    mkdirSync(join(dir(), 'layers/v3'), { recursive: true });
    writeFileSync(join(dir(), 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    await expect(openStore(dir())).rejects.toMatchObject(code('STORE_VERSION'));
    mkdirSync(join(dir(), 'layers/v2'));
    await expect(openStore(dir())).resolves.toHaveProperty('path', dir());
    writeFileSync(join(dir(), 'oci-layout'), '{"imageLayoutVersion":"2.0.0"}');
    await expect(openStore(dir())).rejects.toMatchObject(code('STORE_VERSION'));
  });

  test.each(['', '7', '{"imageLayoutVersiom":"1.0.0"}'])(
    'fails as STORE_CORRUPT when the layout file says %j',
    async (text) => {
      mkdirSync(dir());
      writeFileSync(join(dir(), 'oci-layout'), text);
      await expect(openStore(dir())).rejects.toMatchObject(code('STORE_CORRUPT'));
    },
  );
});

describe('layers', () => {
  const built = buildLayer(items);

  const immutable = (path: string, flag: '+i' | '-i') =>
    spawnSync('chattr', [flag, path], { stdio: 'ignore' }).status === 0;

  test('write copies the tar as a blob when it cannot be linked', async ({ skip }) => {
    const { blobs, layers } = await openStore(dir());
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

  test('the index satisfies its schema, and no longer when a value of it is broken', async () => {
    const { blobs, layers } = await openStore(dir());
    await layers.ingest(await blobs.put(built.blob), built.diffID);
    const file = readFileSync(join(layerPath(built.diffID), 'index'), 'utf8');
    const text = file.replace('}\n', ',"entries":').trimEnd().concat('}');
    const validate = await createValidator('layer-index');
    expect(validate(JSON.parse(text))).toBeUndefined();
    for (const [from, to] of [
      ['"version":2', '"version":1'],
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
    const { blobs } = await openStore(dir());
    await blobs.put(hello);
    rmSync(join(dir(), 'blobs'), { recursive: true });
    writeFileSync(join(dir(), 'blobs'), '');
    const failed = expect(blobs.put(Buffer.from('more'))).rejects;
    await failed.toMatchObject(code('STORE_UNUSABLE'));
    expect(drafts()).toEqual([]);
  });

  test.skipIf(process.getuid?.() === 0)('is what a write says when it is not allowed', async () => {
    mkdirSync(dir());
    chmodSync(dir(), 0o500);
    const { blobs } = await openStore(dir());
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
    for (const text of [absent.toUpperCase(), `${absent}\n`]) {
      expect(() => parseDigest(text)).toThrow(expect.objectContaining(code('DIGEST_INVALID')));
    }
    expect(parseDigest(absent)).toBe(absent);
  });
});
