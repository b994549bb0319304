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
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createValidator } from '../../schemas/index.ts';
import { storeErrorOf } from '../../store/files/io-error.ts';
import { nodeFiles } from '../../store/files/node.ts';
import { myself } from '../../store/files/owner.ts';
import {
  type Digest,
  digestOf,
  hexOf,
  openStore,
  parseDiffID,
  parseDigest,
  tarEnd,
  tarHeader,
} from '../../store/index.ts';
import { tryLock, withLock } from '../../store/leases/lock.ts';
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

const blobPath = (digest: Digest) => join(dir, 'blobs/sha256', hexOf(digest));
const layerPath = (diffID: Digest) => join(dir, 'layers/v2/sha256', hexOf(diffID));
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
    mkdirSync(join(dir, 'layers/v3'), { recursive: true });
    writeFileSync(join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    await expect(openStore(dir)).rejects.toMatchObject(code('STORE_VERSION'));
    mkdirSync(join(dir, 'layers/v2'));
    await expect(openStore(dir)).resolves.toHaveProperty('path', dir);
    writeFileSync(join(dir, 'oci-layout'), '{"imageLayoutVersion":"2.0.0"}');
    await expect(openStore(dir)).rejects.toMatchObject(code('STORE_VERSION'));
  });

  test.each(['', '7', '{"imageLayoutVersiom":"1.0.0"}'])(
    'fails as STORE_CORRUPT when the layout file says %j',
    async (text) => {
      mkdirSync(dir);
      writeFileSync(join(dir, 'oci-layout'), text);
      await expect(openStore(dir)).rejects.toMatchObject(code('STORE_CORRUPT'));
    },
  );
});

describe('layers', () => {
  const built = buildLayer(items);

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

  test('the index satisfies its schema, and no longer when a value of it is broken', async () => {
    const { blobs, layers } = await openStore(dir);
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
      withLock(nodeFiles, path, async () => {
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
    const failing = withLock(nodeFiles, path, () => Promise.reject(new Error('failed')));
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
      withLock(nodeFiles, path, async () => {
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
    const waiting = withLock(nodeFiles, path, async () => 'in', { patience: 60, grace: 1e6 });
    await expect(waiting).rejects.toMatchObject(code('STORE_UNUSABLE'));
    expect(await withLock(nodeFiles, path, async () => 'in', { grace: 0 })).toBe('in');
  });

  test('shows to other boots and containers, again and again, that its owner lives', async () => {
    const path = lock();
    const held = await tryLock(nodeFiles, path, 40);
    const taken = lstatSync(path).mtimeMs;
    await expect.poll(() => lstatSync(path).mtimeMs).toBeGreaterThan(taken);
    await held?.release();
    expect(readdirSync(dir)).toEqual([]);
  });

  test('fails as STORE_UNUSABLE when the owner lives and does not let go', async () => {
    const path = lock();
    await withLock(nodeFiles, path, async () => {
      const waiting = withLock(nodeFiles, path, async () => 'in', { patience: 60 });
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
      const { blobs, layers, refs, close } = await store.openStore(${JSON.stringify(dir)});
      const source = async function* () { yield readFileSync(${JSON.stringify(join(root, 'pulled'))}); };
      const descriptor = ${JSON.stringify(descriptor)};
      await blobs.write(descriptor, source());
      await layers.ingest(descriptor.digest, '${diffID}');
      (await layers.open('${diffID}')).close();
      await refs.set('pulled', descriptor);
      await close();`;
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
      const { tryLock } = await import(${JSON.stringify(join(compiled, '../leases/lock.js'))});
      const { nodeFiles } = await import(${JSON.stringify(join(compiled, '../files/node.js'))});
      await tryLock(nodeFiles, ${JSON.stringify(join(dir, 'leases/index.lock'))});
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
