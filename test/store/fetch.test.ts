import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { myself } from '../../store/files/owner.ts';
import { digestOf, hexOf, openStore } from '../../store/index.ts';
import { type BlobServer, startBlobServer } from '../support/blob-server.ts';
import { compileStore } from '../support/compile.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

let root = '';
let dir = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'store-fetch-'));
  dir = join(root, 'store');
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

const bytes = Buffer.from('the bytes of a blob, of which some may come early');
const expected = { digest: digestOf(bytes), size: bytes.length };
const partialPath = () => join(dir, 'ingest/partial/sha256', hexOf(expected.digest));
const locks = () => readdirSync(join(dir, 'leases')).filter((name) => !name.endsWith('.lease'));

const leavePartial = (left: string | Uint8Array) => {
  mkdirSync(dirname(partialPath()), { recursive: true });
  writeFileSync(partialPath(), left);
};

/** Gives `content` in pieces of ten bytes, and remembers from where it was asked. */
function createFarEnd(content: Uint8Array = bytes) {
  const offsets: number[] = [];
  return {
    offsets,
    async *open(offset: number) {
      offsets.push(offset);
      for (let at = offset; at < content.length; at += 10) {
        await new Promise(setImmediate);
        yield content.subarray(at, at + 10);
      }
    },
  };
}

describe('openStore', () => {
  test('removes, at the first write, what the dead left half-written and nothing else', async () => {
    const { pid, start, realm } = await myself();
    const drafts = {
      dead: `4194305_1_${realm}_x`,
      reused: `${pid}_1_${realm}_x`,
      alive: `${pid}_${start}_${realm}_x`,
      elsewhere: `1_1_${'0'.repeat(16)}_x`,
      elsewhereOld: `2_1_${'0'.repeat(16)}_x`,
      earlierOld: '12-of-an-earlier-version',
    };
    leavePartial(bytes.subarray(0, 9));
    const abandoned = `${partialPath()}f`;
    writeFileSync(abandoned, '');
    for (const name of Object.values(drafts)) writeFileSync(join(dir, 'ingest', name), '');
    const ageBy = (path: string, days: number) => {
      const then = new Date(Date.now() - days * 24 * 3600 * 1000);
      utimesSync(path, then, then);
    };
    ageBy(join(dir, 'ingest', drafts.elsewhereOld), 2);
    ageBy(join(dir, 'ingest', drafts.earlierOld), 2);
    ageBy(partialPath(), 2);
    ageBy(abandoned, 8);
    const lease = (name: string, who: string) => symlinkSync(who, join(dir, 'leases', name));
    mkdirSync(join(dir, 'leases'));
    writeFileSync(join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    lease('blob-1.lock', `4194305 1 ${realm} t1`);
    lease('blob-1.lock.t1', `${pid} 1 ${realm} t2`);
    lease('blob-2.lock', `${pid} ${start} ${realm} t3`);
    lease('blob-3.lock.t4', `4194305 1 ${realm} t5`);
    lease('blob-3.lock.t6', `${pid} ${start} ${realm} t7`);
    await (await openStore(dir)).blobs.put(Buffer.from('first'));
    expect(locks().sort()).toEqual(['blob-2.lock', 'blob-3.lock.t6']);
    expect(readdirSync(join(dir, 'ingest')).sort()).toEqual(
      [drafts.alive, drafts.elsewhere, 'partial'].sort(),
    );
    expect(readdirSync(dirname(partialPath()))).toEqual([hexOf(expected.digest)]);
  });
});

describe('a store shared by processes that fetch', () => {
  const compiledFolder = temporaryFolder('compiled');
  let compiled = '';
  let server: BlobServer | undefined;
  const children = new Set<ChildProcess>();

  beforeAll(() => {
    compiled = compileStore(compiledFolder);
  });
  afterEach(async () => {
    for (const child of children) child.kill('SIGKILL');
    children.clear();
    await server?.close();
    server = undefined;
  });

  /** A process that fetches `blobs` from `origin`, all of them `times` times at once. */
  const start = (origin: string, blobs: readonly Uint8Array[], times = 1) => {
    const wanted = blobs.map((blob) => ({ digest: digestOf(blob), size: blob.length }));
    const script = `
      import { get } from 'node:http';
      import { once } from 'node:events';
      import { openStore } from ${JSON.stringify(compiled)};
      const { blobs } = await openStore(${JSON.stringify(dir)});
      async function* read(digest, offset, signal) {
        const headers = offset > 0 ? { range: 'bytes=' + offset + '-' } : {};
        const [response] = await once(get(${JSON.stringify(origin)} + '/' + digest, { headers, signal }), 'response');
        yield* response;
      }
      await Promise.all(Array(${times}).fill(${JSON.stringify(wanted)}).flat().map((one) =>
        blobs.fetch(one, (offset, signal) => read(one.digest, offset, signal))));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    children.add(child);
    return { child, done: once(child, 'close') };
  };

  const until = async (holds: () => boolean) => {
    while (!holds()) await delay(1);
  };

  test('continue where each left off when killed at random points, 30 times', async () => {
    const blob = randomBytes(24 * 2 ** 20);
    const partial = join(dir, 'ingest/partial/sha256', hexOf(digestOf(blob)));
    const farEnd = await startBlobServer([blob], {
      taken: () => statSync(partial, { throwIfNoEntry: false })?.size ?? 0,
    });
    server = farEnd;
    const random = seededRandom(20261122);
    const kills = Array.from({ length: 30 }, () => Math.floor(random() * blob.length));
    for (const point of kills.sort((a, b) => a - b)) {
      const { child, done } = start(farEnd.origin, [blob]);
      let ended = false;
      void done.then(() => {
        ended = true;
      });
      const asked = farEnd.requests.length;
      const before = farEnd.sent();
      const reached = () => (farEnd.requests[asked]?.offset ?? 0) + farEnd.sent() - before;
      await until(() => ended || (farEnd.requests.length > asked && reached() >= point));
      child.kill('SIGKILL');
      await done;
    }
    const [status] = await start(farEnd.origin, [blob]).done;
    expect(status).toBe(0);
    const path = join(dir, 'blobs/sha256', hexOf(digestOf(blob)));
    expect(readFileSync(path).equals(blob)).toBe(true);
    const offsets = farEnd.requests.map(({ offset }) => offset);
    expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
    expect(offsets.filter((offset) => offset > 0).length).toBeGreaterThan(20);
    // What was under way when a process died is sent again, and nothing else.
    expect(farEnd.sent() / blob.length).toBeLessThan(1.15);
    expect([...readdirSync(join(dir, 'ingest/partial/sha256')), ...locks()]).toEqual([]);
  });

  test('fetch each blob once when 8 of them want all 25 times at the same time', async () => {
    const blobs = Array.from({ length: 5 }, (_, n) => randomBytes((n + 1) * 500_000));
    const farEnd = await startBlobServer(blobs);
    server = farEnd;
    const ends = await Promise.all(
      Array.from({ length: 8 }, () => start(farEnd.origin, blobs, 25).done),
    );
    expect(ends.map(([status]) => status)).toEqual(Array(8).fill(0));
    expect(farEnd.requests).toHaveLength(blobs.length);
    expect(farEnd.sent()).toBe(blobs.reduce((total, blob) => total + blob.length, 0));
    expect(locks()).toEqual([]);
  });

  test('wait for one who lives, and take over from its partial file when it dies', async () => {
    const blob = randomBytes(4_000_000);
    const stalled = await startBlobServer([blob], { stallAt: 2_000_000 });
    server = stalled;
    const { child, done } = start(stalled.origin, [blob]);
    const partial = join(dir, 'ingest/partial/sha256', hexOf(digestOf(blob)));
    await until(() => existsSync(partial) && readFileSync(partial).length >= 2_000_000);
    const { blobs } = await openStore(dir);
    const farEnd = createFarEnd(blob);
    const told: number[] = [];
    const waiting = blobs.fetch({ digest: digestOf(blob), size: blob.length }, farEnd.open, {
      onProgress: ({ received }) => told.push(received),
    });
    // It waits and tells how far the other one is.
    await until(() => told.length > 0);
    expect(told).toEqual([expect.toSatisfy((received) => received >= 2_000_000)]);
    expect(farEnd.offsets).toEqual([]);
    child.kill('SIGKILL');
    await done;
    await waiting;
    expect(farEnd.offsets).toHaveLength(1);
    expect(farEnd.offsets[0]).toBeGreaterThanOrEqual(2_000_000);
    expect(locks()).toEqual([]);
  });
});
