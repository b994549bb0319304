import { Buffer } from 'node:buffer';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { digestOf, openStore, tarEnd, tarHeader } from '../../store/index.ts';
import { compileStore } from '../support/compile.ts';
import { buildLayer, compress, file } from '../support/layers.ts';
import { dir, drafts, hello, layerPath, root } from './one-store.ts';

async function drain(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of source) {
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

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
      const { refs } = await store.openStore(${JSON.stringify(dir())});
      for (let n = 0; n < 15; n += 1) {
        await refs.set('p${who}-' + n, { mediaType: 'm', digest: store.digestOf(Buffer.from('x')), size: 1 });
      }`;
    const ends = await Promise.all([1, 2, 3, 4].map((who) => start(script(who)).done));
    expect(ends.map(([status]) => status)).toEqual([0, 0, 0, 0]);
    expect(await (await openStore(dir())).refs.list()).toHaveLength(60);
  });

  test('takes one image from several who pull it at once', async () => {
    const { tar, blob, diffID, descriptor } = buildLayer([file('f', randomBytes(3_000_000))]);
    writeFileSync(join(root, 'pulled'), blob);
    const script = `
      import { readFileSync } from 'node:fs';
      const { blobs, layers, refs, close } = await store.openStore(${JSON.stringify(dir())});
      const source = async function* () { yield readFileSync(${JSON.stringify(join(root, 'pulled'))}); };
      const descriptor = ${JSON.stringify(descriptor)};
      await blobs.write(descriptor, source());
      await layers.ingest(descriptor.digest, '${diffID}');
      (await layers.open('${diffID}')).close();
      await refs.set('pulled', descriptor);
      await close();`;
    const ends = await Promise.all([1, 2, 3, 4].map(() => start(script).done));
    expect(ends.map(([status]) => status)).toEqual([0, 0, 0, 0]);
    const { blobs, refs } = await openStore(dir());
    expect((await drain(blobs.stream(descriptor.digest))).equals(blob)).toBe(true);
    expect(readFileSync(join(layerPath(diffID), 'tar')).equals(tar)).toBe(true);
    expect(await refs.list()).toHaveLength(1);
    expect([...drafts(), ...readdirSync(join(dir(), 'leases'))]).toEqual([]);
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
      const digest = await (await openStore(dir())).blobs.put(blob);
      const { child, done } = start(`
        import { readFileSync } from 'node:fs';
        const { layers } = await store.openStore(${JSON.stringify(dir())});
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
      const { blobs, refs } = await store.openStore(${JSON.stringify(dir())});
      await blobs.put(Buffer.from('x'));
      const { tryLock } = await import(${JSON.stringify(join(compiled, '../leases/lock.js'))});
      const { nodeFiles } = await import(${JSON.stringify(join(compiled, '../files/node.js'))});
      await tryLock(nodeFiles, ${JSON.stringify(join(dir(), 'leases/index.lock'))});
      const endless = async function* () { for (;;) { console.log('going'); yield new Uint8Array(1000); await new Promise(setImmediate); } };
      await blobs.write({ digest: store.digestOf(Buffer.from('y')), size: 1e12 }, endless());
    `);
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await done;
    expect(drafts()).toHaveLength(1);
    const { blobs, refs } = await openStore(dir());
    expect(await blobs.size(digestOf(Buffer.from('y')))).toBeUndefined();
    await refs.set('after', { mediaType: 'm', digest: digestOf(hello), size: 1 });
    expect(await refs.list()).toHaveLength(1);
  });

  const namespaces = spawnSync('unshare', ['-rm', 'true']).status === 0;
  test.runIf(namespaces)('fails as STORE_FULL and leaves nothing when the disk is full', () => {
    mkdirSync(dir());
    const script = join(root, 'full.mjs');
    writeFileSync(
      script,
      `import * as store from ${JSON.stringify(compiled)};
      import { existsSync, readdirSync } from 'node:fs';
      const { blobs, layers } = await store.openStore(${JSON.stringify(dir())});
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
      console.log(JSON.stringify({ failures, drafts: readdirSync(${JSON.stringify(join(dir(), 'ingest'))}), layers: existsSync(${JSON.stringify(join(dir(), 'layers'))}) }));

      async function* roomForTarAlone() {
        for (let n = 0; n < 700; n += 1) {
          yield store.tarHeader({ kind: 'file', path: 'd'.repeat(80) + '/' + n, mode: 0, uid: 0, gid: 0, mtime: 0, size: 0 });
        }
        yield store.tarEnd;
      }`,
    );
    const mount = `mount -t tmpfs -o size=500k tmpfs '${dir()}' && exec '${process.execPath}' '${script}'`;
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
      const { blobs, layers, refs } = await store.openStore(${JSON.stringify(dir())});
      const descriptor = ${JSON.stringify(built.descriptor)};
      await blobs.put(Buffer.from(${JSON.stringify(Buffer.from(built.blob).toString('base64'))}, 'base64'));
      await layers.ingest(descriptor.digest, '${built.diffID}');
      await refs.set('pulled', descriptor);
      (await layers.open('${built.diffID}')).close();
      const failed = await refs.set('other', descriptor).catch((error) => error.code);
      console.log(JSON.stringify({ names: (await refs.list()).map(({ name }) => name), failed }));`,
    );
    const { blobs, layers, refs } = await openStore(dir());
    await layers.ingest(await blobs.put(built.blob), built.diffID);
    await refs.set('pulled', built.descriptor);
    const mount = `mount --bind '${dir()}' '${dir()}' && mount -o remount,ro,bind '${dir()}' && exec '${process.execPath}' '${script}'`;
    const output = execFileSync('unshare', ['-rm', 'sh', '-c', mount], { encoding: 'utf8' });
    expect(JSON.parse(output)).toEqual({ names: ['pulled'], failed: 'STORE_UNUSABLE' });
  });

  test.runIf(namespaces)('says so when a folder of it is on another file system', async () => {
    await (await openStore(dir())).blobs.put(hello);
    const script = join(root, 'elsewhere.mjs');
    writeFileSync(
      script,
      `import * as store from ${JSON.stringify(compiled)};
      const { blobs } = await store.openStore(${JSON.stringify(dir())});
      const { code, message } = await blobs.put(Buffer.from('more')).catch((error) => error);
      console.log(JSON.stringify({ code, message }));`,
    );
    const mount = `mount -t tmpfs tmpfs '${join(dir(), 'blobs')}' && exec '${process.execPath}' '${script}'`;
    const output = execFileSync('unshare', ['-rm', 'sh', '-c', mount], { encoding: 'utf8' });
    expect(JSON.parse(output)).toEqual({
      code: 'STORE_UNUSABLE',
      message: expect.stringMatching(
        /another file system \(EXDEV\), wanted all of the store on one/,
      ),
    });
  });
});
