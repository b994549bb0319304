import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import type { Files } from '../../store/files/files.ts';
import { createMemoryFiles } from '../../store/files/memory.ts';
import { nodeFiles } from '../../store/files/node.ts';
import { myself } from '../../store/files/owner.ts';
import { newWalk, walkGraph } from '../../store/graph/graph.ts';
import {
  type Descriptor,
  type Digest,
  digestOf,
  type GcOptions,
  hexOf,
  openStore,
  parseDiffID,
  type Store,
} from '../../store/index.ts';
import { layoutOf } from '../../store/layout.ts';
import { formatLeaseHead } from '../../store/leases/lease-file.ts';
import { tryLock } from '../../store/leases/lock.ts';
import { playedFiles, watchedFiles } from '../support/crash-files.ts';
import { type BuiltImage, buildImage, buildIndex, type Image } from '../support/image.ts';
import { file } from '../support/layers.ts';
import { createDisk, fates, randomFate } from '../support/power-cut.ts';
import { seededRandom } from '../support/seeded-random.ts';

const root = mkdtempSync(join(tmpdir(), 'osv-convert-gc-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let dir = '';
let count = 0;
beforeEach(() => {
  count += 1;
  dir = join(root, `store-${count}`);
});

const code = (wanted: string) => ({ code: wanted });
const hour = 3_600_000;
const day = 24 * hour;
const week = 7 * day;
const blobPath = (digest: Digest) => join(dir, 'blobs/sha256', hexOf(digest));
const layerPath = (diffID: Digest) => join(dir, 'layers/v2/sha256', hexOf(diffID));
const blobsLeft = () => readdirSync(join(dir, 'blobs/sha256')).map((hex) => `sha256:${hex}`);
const digestsOf = (...images: readonly Image[]) =>
  [...new Set(images.flatMap(({ blobs }) => [...blobs.keys()]))].sort();

function imageOf(content: string, recipe: Partial<Parameters<typeof buildImage>[0]> = {}) {
  return buildImage({ layers: [[file('common', 'common')], [file('own', content)]], ...recipe });
}

/** Opens the store for `use`, and lets go of everything. */
async function using<T>(
  use: (store: Store) => Promise<T>,
  options: Parameters<typeof openStore>[1] = {},
): Promise<T> {
  const store = await openStore(dir, options);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

async function load(name: string | undefined, image: Image, entry: Partial<Descriptor> = {}) {
  await using(async ({ blobs, refs }) => {
    for (const bytes of image.blobs.values()) await blobs.put(bytes);
    if (name !== undefined) await refs.set(name, { ...image.root, ...entry });
  });
}

const gc = (options: GcOptions = {}) => using((store) => store.gc(options));
const names = async () => using(async ({ refs }) => (await refs.list()).map(({ name }) => name));

/** As if that long had passed since the last change. */
function age(path: string, milliseconds: number): void {
  const then = (Date.now() - milliseconds) / 1000;
  utimesSync(path, then, then);
}

function write(path: string, content: string | Uint8Array = 'content'): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** Everything in the store: names, bytes of what is small, times. */
function snapshot(folder = dir): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    const { size, mtimeMs, nlink } = lstatSync(path);
    if (entry.isDirectory()) return [path, ...snapshot(path)];
    return [`${path} ${size} ${mtimeMs} ${nlink}`];
  });
}

/** The lease of another process of this host, written as `hold` does. */
async function leaseText(digest: Digest, owner?: { pid: number; start: string; realm: string }) {
  const head = {
    id: 'other',
    purpose: 'a test',
    created: new Date(),
    owner: owner ?? (await myself()),
  };
  return `${formatLeaseHead(head)}${digest}\n`;
}

/** Does `act` before the first call of `name` that `when` says. */
function acting<K extends 'symlink' | 'remove' | 'stat'>(
  name: K,
  when: (path: string) => boolean,
  act: () => void,
  files: Files = nodeFiles,
): Files {
  let done = false;
  const before = (path: string): void => {
    if (done || !when(path)) return;
    done = true;
    act();
  };
  return {
    ...files,
    symlink(target, path) {
      if (name === 'symlink') before(path);
      return files.symlink(target, path);
    },
    remove(path) {
      if (name === 'remove') before(path);
      return files.remove(path);
    },
    stat(path) {
      if (name === 'stat') before(path);
      return files.stat(path);
    },
  };
}

const isGate = (path: string) => path.endsWith('gate.lock');

describe('gc', () => {
  test('removes what no name leads to, and nothing else', async () => {
    const [kept, shared, lost] = [imageOf('kept'), imageOf('shared'), imageOf('lost')];
    await load('kept', kept);
    await load('shared:1', shared);
    await load('shared:2', shared);
    await load(undefined, lost);
    await using(({ refs }) => refs.delete('shared:1'));
    const report = await gc();
    expect(blobsLeft().sort()).toEqual(digestsOf(kept, shared));
    const gone = digestsOf(lost).filter((digest) => !digestsOf(kept, shared).includes(digest));
    expect(report.removed.map(({ kind, name }) => [kind, name])).toEqual(
      gone.map((digest) => ['blob', digest]),
    );
    const size = gone.reduce((sum, digest) => sum + (lost.blobs.get(digest)?.length ?? 0), 0);
    expect(report).toMatchObject({ dryRun: false, freed: size });
    expect(report.size).toBe(blobsLeft().reduce((sum, name) => sum + sizeAt(name), 0));
    expect(await gc()).toMatchObject({ removed: [], freed: 0, size: report.size });
  });

  const sizeAt = (name: string) => lstatSync(join(dir, 'blobs/sha256', name.slice(7))).size;

  test('keeps an index whose other platforms were never pulled', async () => {
    const here = imageOf('here');
    const index = buildIndex([here, imageOf('away', { architecture: 'arm64' })]);
    const blobs = new Map([...here.blobs, [index.root.digest, indexBytes(index)]]);
    await load('both', { root: index.root, blobs });
    expect((await gc()).removed).toEqual([]);
  });

  const indexBytes = ({ root, blobs }: Image) => blobs.get(root.digest) ?? Buffer.of();

  test('keeps what other tools named without a name, or by another kind of digest', async () => {
    const image = imageOf('unnamed');
    await load(undefined, image);
    const sha512 = write(join(dir, 'blobs/sha512', '0'.repeat(128)));
    const manifests = [image.root, { ...image.root, digest: `sha512:${'0'.repeat(128)}` }];
    writeFileSync(join(dir, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
    const foreign = write(join(dir, 'blobs/sha256/oci-put-blob123'));
    expect((await gc()).removed).toEqual([]);
    expect([sha512, foreign].every(existsSync)).toBe(true);
  });

  test('keeps what keepDigests lead to', async () => {
    const image = imageOf('locked');
    await load(undefined, image);
    expect((await gc({ keepDigests: [image.root.digest] })).removed).toEqual([]);
    expect((await gc()).removed).toHaveLength(image.blobs.size);
  });

  test('makes no store of a folder that is none', async () => {
    expect(await gc()).toEqual({ dryRun: false, removed: [], freed: 0, size: 0 });
    expect(existsSync(dir)).toBe(false);
  });

  test('stops when it is aborted', async () => {
    await load('image', imageOf('any'));
    const reason = new Error('enough');
    await expect(gc({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  describe('layers', () => {
    const withLayers = async (image: BuiltImage) => {
      await load('image', image);
      await using(async ({ layers }) => {
        for (const { descriptor, diffID } of image.layers) {
          await layers.ingest(descriptor.digest, diffID);
        }
      });
    };

    test('stay as long as a config has their diffIDs, and go index first', async () => {
      const image = imageOf('layered');
      await withLayers(image);
      expect((await gc()).removed).toEqual([]);
      await using(({ refs }) => refs.delete('image'));
      const order: string[] = [];
      const files: Files = {
        ...nodeFiles,
        remove(path) {
          if (path.includes('layers/v2')) order.push(basename(path));
          return nodeFiles.remove(path);
        },
        flushFolder(path) {
          if (path.includes('layers/v2')) order.push('flush');
          return nodeFiles.flushFolder(path);
        },
      };
      const { removed } = await using((store) => store.gc(), { files });
      expect(removed.filter(({ kind }) => kind === 'layer')).toHaveLength(2);
      expect(order).toEqual(['index', 'index', 'flush', 'flush', 'tar', 'tar']);
      expect(readdirSync(join(dir, 'layers/v2/sha256'))).toEqual([]);
    });

    test('that share their file with a blob free it once, with its last name', async () => {
      const image = imageOf('shared', { compression: 'none' });
      const tar = image.layers[1]?.tar ?? Buffer.of();
      const { diffID, size } = await using(({ layers }) =>
        layers.write(
          (async function* () {
            yield tar;
          })(),
        ),
      );
      const index = lstatSync(join(layerPath(diffID), 'index')).size;
      const outside = join(dir, 'outside');
      const dry = await gc({ dryRun: true });
      expect(dry.removed).toEqual([
        { kind: 'blob', name: diffID, size: 0 },
        { kind: 'layer', name: diffID, size: size + index },
      ]);
      expect(dry).toMatchObject({ freed: size + index, size: 0 });
      linkSync(blobPath(diffID), outside);
      expect((await gc({ dryRun: true })).freed).toBe(index);
      unlinkSync(outside);
      expect(await gc()).toEqual({ ...dry, dryRun: false });
      expect([blobPath(diffID), layerPath(diffID)].some(existsSync)).toBe(false);
    });

    test('without an index go unless someone is writing it', async () => {
      const image = imageOf('torn');
      await withLayers(image);
      const [{ diffID } = { diffID: parseDiffID(image.root.digest) }] = image.layers;
      unlinkSync(join(layerPath(diffID), 'index'));
      const lock = await tryLock(nodeFiles, layoutOf(dir).lease('layer', diffID));
      expect((await gc()).removed).toEqual([]);
      await lock?.release();
      await using(async (writer) => {
        await writer.hold([diffID]);
        expect((await gc()).removed).toEqual([]);
      });
      const { removed } = await gc();
      expect(removed).toMatchObject([{ kind: 'layer', name: diffID }]);
      expect(existsSync(layerPath(diffID))).toBe(false);
    });

    test('of older versions go, with their folder; those of newer ones stay', async () => {
      await load('image', imageOf('any'));
      const old = write(join(dir, 'layers/v1/sha256/aa/tar'), 'old');
      write(join(dir, 'layers/v1/sha256/bb/index'), 'older');
      const newer = write(join(dir, 'layers/v3/sha256/aa/tar'));
      mkdirSync(join(dir, 'layers/v2'), { recursive: true });
      expect((await gc()).removed).toEqual([
        { kind: 'layer', name: 'layers/v1/sha256/aa', size: 3 },
        { kind: 'layer', name: 'layers/v1/sha256/bb', size: 5 },
      ]);
      expect([old, join(dir, 'layers/v1')].some(existsSync)).toBe(false);
      expect(existsSync(newer)).toBe(true);
    });
  });

  describe('names', () => {
    const [old, young] = [imageOf('old'), imageOf('young')];
    const loadBoth = async () => {
      await load('old', old);
      await load('young', young);
      age(blobPath(old.root.digest), 30 * day);
    };

    test('go when they were not used for olderThan, with what only they led to', async () => {
      await loadBoth();
      await gc({ olderThan: 31 * day });
      expect(await names()).toEqual(['old', 'young']);
      const { removed } = await gc({ olderThan: 29 * day });
      expect(removed[0]).toEqual({ kind: 'name', name: 'old', size: 0 });
      expect(await names()).toEqual(['young']);
      expect(blobsLeft().sort()).toEqual(digestsOf(young));
      const backup = readFileSync(join(dir, 'index.backup.json'), 'utf8');
      expect(backup).not.toContain(old.root.digest);
    });

    test('stay when keep says so, or a manifest of their index was used', async () => {
      await loadBoth();
      const index = buildIndex([old, imageOf('away', { architecture: 'arm64' })]);
      await load('index', {
        ...index,
        blobs: new Map([...old.blobs, [index.root.digest, indexBytes(index)]]),
      });
      age(blobPath(index.root.digest), 30 * day);
      await gc({ olderThan: day });
      expect(await names()).toEqual(['index', 'old', 'young']);
      age(blobPath(old.root.digest), 30 * day);
      await gc({ olderThan: day, keep: ['in*', 'o*d'] });
      expect(await names()).toEqual(['index', 'old', 'young']);
      await using(async (reader) => {
        await reader.hold([old.root.digest]);
        age(blobPath(old.root.digest), 30 * day);
        await gc({ olderThan: day });
      });
      expect(await names()).toEqual(['index', 'old', 'young']);
      await gc({ olderThan: day });
      expect(await names()).toEqual(['young']);
    });

    test('of artifacts stay, but for those that evict says', async () => {
      await load('kernel/x', old, { artifactType: 'application/x' });
      await load('runtime/y', young, { artifactType: 'application/y' });
      for (const { root } of [old, young]) age(blobPath(root.digest), 30 * day);
      await gc({ olderThan: day, maxSize: 0 });
      expect(await names()).toEqual(['kernel/x', 'runtime/y']);
      await gc({ maxSize: 0, evict: ['runtime/*'] });
      expect(await names()).toEqual(['kernel/x']);
      expect(blobsLeft().sort()).toEqual(digestsOf(old));
    });

    test('of what is not there stay', async () => {
      await using(({ refs }) => refs.set('dangling', old.root));
      await gc({ olderThan: 0, maxSize: 0 });
      expect(await names()).toEqual(['dangling']);
    });

    test('go from the one used longest ago until the store fits maxSize', async () => {
      const images = Array.from({ length: 5 }, (_, n) =>
        buildImage({ layers: [randomBytesTar(n), [file('common', 'common')]] }),
      );
      for (const [n, image] of images.entries()) {
        await load(`image-${n}`, image);
        // 2 was used last, then 3, 4, 0, 1.
        age(blobPath(image.root.digest), ((n + 3) % 5) * hour);
      }
      const { size } = await gc({ dryRun: true });
      expect((await gc({ dryRun: true, maxSize: size })).removed).toEqual([]);
      const dry = await gc({ dryRun: true, maxSize: size - 1 });
      expect(dry.removed.flatMap(({ kind, name }) => (kind === 'name' ? name : []))).toEqual([
        'image-1',
      ]);
      const half = await gc({ maxSize: Math.floor(size / 2) });
      expect(half.size).toBeLessThanOrEqual(size / 2);
      expect(await names()).toEqual(['image-2', 'image-3']);
      expect(await gc({ maxSize: 0 })).toMatchObject({ size: 0 });
      expect(await names()).toEqual([]);
    });

    const randomBytesTar = (n: number) => [file(`own-${n}`, randomBytes(50_000))];

    test('are counted with what leases and keepDigests keep', async () => {
      await loadBoth();
      const extra = imageOf('extra');
      await load(undefined, extra);
      const keepDigests = [extra.root.digest];
      const { size } = await gc({ dryRun: true, keepDigests });
      await gc({ maxSize: size - 1, keepDigests });
      expect(await names()).toEqual(['young']);
      expect(blobsLeft().sort()).toEqual(digestsOf(young, extra));
    });

    test.each([
      ['used', () => age(blobPath(old.root.digest), 0)],
      [
        'set to something else',
        () => {
          const path = join(dir, 'index.json');
          const text = readFileSync(path, 'utf8');
          writeFileSync(path, text.replace(old.root.digest, young.root.digest));
        },
      ],
    ])('stay when they are %s after they were chosen', async (_, act) => {
      await loadBoth();
      const files = acting('symlink', isGate, act);
      const { removed } = await using((store) => store.gc({ olderThan: day }), { files });
      expect(await names()).toEqual(['old', 'young']);
      expect(removed.filter(({ kind }) => kind === 'name')).toEqual([]);
      const { refs } = await openStore(dir);
      const left = (await refs.get('old'))?.digest === old.root.digest ? [old, young] : [young];
      expect(blobsLeft().sort()).toEqual(digestsOf(...left));
    });

    test('that are set meanwhile keep what they lead to', async () => {
      await loadBoth();
      await using(({ refs }) => refs.delete('old'));
      const act = () => {
        const path = join(dir, 'index.json');
        const index = JSON.parse(readFileSync(path, 'utf8'));
        const annotations = { 'org.opencontainers.image.ref.name': 'again' };
        index.manifests.push({ ...old.root, annotations });
        writeFileSync(path, JSON.stringify(index));
      };
      const files = acting('symlink', isGate, act);
      expect((await using((store) => store.gc(), { files })).removed).toEqual([]);
      expect(blobsLeft().sort()).toEqual(digestsOf(old, young));
    });
  });

  describe('leases', () => {
    const image = imageOf('leased');

    test('of this and other open stores keep all that they lead to', async () => {
      await load(undefined, image);
      await using(async (store) => {
        await store.hold([image.root.digest]);
        expect((await gc()).removed).toEqual([]);
        expect((await store.gc()).removed).toEqual([]);
      });
      expect((await gc()).removed).toHaveLength(image.blobs.size);
    });

    test('of no process keep until their time has passed, and go then', async () => {
      await load(undefined, image);
      const digests = [image.root.digest];
      const expires = new Date(Date.now() + hour);
      const { id } = await using(({ leases }) => leases.create({ purpose: 'x', digests, expires }));
      expect((await gc()).removed).toEqual([]);
      const path = join(dir, `leases/${id}.lease`);
      const text = readFileSync(path, 'utf8');
      writeFileSync(path, text.replace(expires.toISOString(), new Date(0).toISOString()));
      const { size } = lstatSync(path);
      const { removed } = await gc();
      expect(removed.at(-1)).toEqual({ kind: 'lease', name: `leases/${id}.lease`, size });
      expect(removed).toHaveLength(image.blobs.size + 1);
      expect(existsSync(path)).toBe(false);
    });

    test('of the dead keep nothing', async () => {
      await load(undefined, image);
      const dead = { ...(await myself()), start: '1' };
      const path = write(join(dir, 'leases/other.lease'), await leaseText(image.root.digest, dead));
      expect((await gc()).removed.map(({ kind }) => kind)).toContain('lease');
      expect(existsSync(path)).toBe(false);
      expect(blobsLeft()).toEqual([]);
    });

    test('that cannot be read stay for a day', async () => {
      await load('image', image);
      const path = write(join(dir, 'leases/other.lease'), '{"version":9');
      expect((await gc()).removed).toEqual([]);
      age(path, day);
      expect((await gc()).removed).toMatchObject([{ kind: 'lease' }]);
    });

    test('that are taken between mark and sweep keep what they lead to', async () => {
      await load(undefined, image);
      const path = join(dir, 'leases/other.lease');
      const lease = await leaseText(image.root.digest);
      const files = acting('symlink', isGate, () => writeFileSync(path, lease));
      expect((await using((store) => store.gc(), { files })).removed).toEqual([]);
      expect(blobsLeft().sort()).toEqual(digestsOf(image));
    });
  });

  describe('what was left behind', () => {
    const image = imageOf('image');
    const absent = digestOf(Buffer.from('absent'));
    const partialPath = () => join(dir, 'ingest/partial/sha256', hexOf(absent));

    test('partial blobs go after a day, or olderThan, unless someone continues them', async () => {
      await load('image', image);
      const path = write(partialPath(), 'part');
      age(path, day - hour);
      expect((await gc()).removed).toEqual([]);
      age(path, day);
      expect((await gc({ dryRun: true })).removed).toEqual([
        { kind: 'partial', name: absent, size: 4 },
      ]);
      const lock = await tryLock(nodeFiles, layoutOf(dir).lease('blob', absent));
      expect((await gc()).removed).toEqual([]);
      await lock?.release();
      await using(async (puller) => {
        await puller.hold([absent]);
        expect((await gc()).removed).toEqual([]);
      });
      expect((await gc()).removed).toHaveLength(1);
      age(write(path), hour + 1000);
      expect((await gc({ olderThan: 2 * hour })).removed).toEqual([]);
      expect((await gc({ olderThan: hour, keep: ['*'] })).removed).toHaveLength(1);
      expect(existsSync(path)).toBe(false);
    });

    test('drafts of the dead go at once, those of the unknown after a day', async () => {
      await load('image', image);
      const { pid, start, realm } = await myself();
      const mine = write(join(dir, 'ingest', `${pid}_${start}_${realm}_x`));
      const dead = write(join(dir, 'ingest', `${pid}_1_${realm}_x`));
      const unknown = write(join(dir, 'ingest', `${pid}_${start}_${'0'.repeat(16)}_x`));
      const kinds = (report: { removed: readonly { kind: string; name: string }[] }) =>
        report.removed.map(({ kind, name }) => [kind, join(dir, name)]);
      const dry = await gc({ dryRun: true });
      expect(kinds(dry)).toEqual([['draft', dead]]);
      expect(await gc()).toEqual({ ...dry, dryRun: false });
      age(unknown, day);
      expect(kinds(await gc())).toEqual([['draft', unknown]]);
      expect([mine, dead, unknown].map(existsSync)).toEqual([true, false, false]);
    });

    test('files and folders in quarantine go after a week', async () => {
      await load('image', image);
      const [young, old] = [join(dir, 'quarantine/young'), join(dir, 'quarantine/old')];
      write(young);
      write(join(old, 'deep/er'), '12345');
      age(old, week);
      const { removed } = await gc();
      expect(removed).toEqual([{ kind: 'quarantine', name: 'quarantine/old', size: 5 }]);
      expect([young, old].map(existsSync)).toEqual([true, false]);
    });
  });

  describe('dryRun', () => {
    test('tells exactly what a run does, and writes nothing where all writing fails', async () => {
      const images = ['a', 'b', 'c', 'd'].map((content) => imageOf(content));
      for (const [n, image] of images.entries()) {
        await load(n < 3 ? `image-${n}` : undefined, image);
        age(blobPath(image.root.digest), (n + 1) * day);
      }
      await using(async ({ layers }) => {
        for (const { layers: built } of images) {
          for (const { descriptor, diffID } of built) {
            await layers.ingest(descriptor.digest, diffID);
          }
        }
      });
      const { realm } = await myself();
      write(join(dir, 'ingest', `1_1_${realm}_x`));
      age(write(join(dir, 'ingest/partial/sha256', '0'.repeat(64))), week + hour);
      age(write(join(dir, 'quarantine/x')), week);
      write(join(dir, 'layers/v1/sha256/x/tar'));
      mkdirSync(join(dir, 'layers/v2/sha256', '1'.repeat(64)));
      const dead = { ...(await myself()), start: '1' };
      write(join(dir, 'leases/other.lease'), await leaseText(digestOf(Buffer.of()), dead));

      const refuse = () => {
        throw Object.assign(new Error('EROFS'), { code: 'EROFS', syscall: 'write' });
      };
      const files: Files = {
        ...nodeFiles,
        create: refuse,
        update: refuse,
        makeFolder: refuse,
        rename: refuse,
        link: refuse,
        symlink: refuse,
        remove: refuse,
        removeFolder: refuse,
        touch: refuse,
      };
      const options = { olderThan: 2.5 * day, maxSize: 4000 };
      const before = snapshot();
      const dry = await using((store) => store.gc({ ...options, dryRun: true }), {
        files,
        readOnly: true,
      });
      expect(snapshot()).toEqual(before);
      const kinds = dry.removed.map(({ kind }) => kind);
      expect([...new Set(kinds)]).toEqual([
        ...['name', 'blob', 'layer', 'partial', 'draft', 'lease', 'quarantine'],
      ]);
      expect(await gc(options)).toEqual({ ...dry, dryRun: false });
      expect(await gc(options)).toMatchObject({ removed: [], size: dry.size });
    });

    test('alone is possible in a store that is opened for reading only', async () => {
      await load('image', imageOf('any'));
      await expect(using((store) => store.gc(), { readOnly: true })).rejects.toMatchObject(
        code('STORE_UNUSABLE'),
      );
    });
  });

  describe('removes nothing and fails as STORE_CORRUPT', () => {
    const [image, lost] = [imageOf('image'), imageOf('lost')];

    test('when a document in use is damaged', async () => {
      await load('image', image);
      await load(undefined, lost);
      await load('old', imageOf('old'));
      appendFileSync(blobPath(image.root.digest), ' ');
      const before = snapshot();
      for (const options of [{}, { olderThan: 0, keep: ['image'] }, { maxSize: 0 }]) {
        for (const dryRun of [true, false]) {
          await expect(gc({ ...options, dryRun })).rejects.toMatchObject({
            ...code('STORE_CORRUPT'),
            digest: image.root.digest,
            hint: 'osv-convert store verify --repair',
          });
        }
      }
      expect(snapshot()).toEqual(before);
    });

    test('when the names are damaged or lost', async () => {
      await load('image', image);
      const path = join(dir, 'index.json');
      const text = readFileSync(path, 'utf8');
      writeFileSync(path, text.slice(9));
      await expect(gc()).rejects.toMatchObject(code('STORE_CORRUPT'));
      unlinkSync(path);
      await expect(gc()).rejects.toMatchObject(code('STORE_CORRUPT'));
      expect(blobsLeft().sort()).toEqual(digestsOf(image));
    });
  });

  describe('beside others', () => {
    const image = imageOf('image');
    const layer = image.layers[1];
    if (layer === undefined) throw new Error('the image has layers');

    test('lets be what a fetch is bringing in', async () => {
      await load('other', imageOf('other'));
      const reports: unknown[] = [];
      const { descriptor, blob } = layer;
      await using(async ({ blobs }) => {
        await blobs.fetch(descriptor, async function* () {
          yield blob.subarray(0, 10);
          age(join(dir, 'ingest/partial/sha256', hexOf(descriptor.digest)), 2 * day);
          reports.push((await gc({ olderThan: 0, keep: ['*'] })).removed);
          yield blob.subarray(10);
        });
        reports.push((await gc()).removed);
        expect(await blobs.read(descriptor.digest, 1e6)).toEqual(Buffer.from(blob));
      });
      expect(reports).toEqual([[], []]);
    });

    test('lets be what an ingest is unpacking, at each file that it makes durable', async () => {
      await load(undefined, image);
      const { descriptor, diffID } = layer;
      const lefts: (readonly string[])[] = [];
      const collect = async () => {
        await gc();
        lefts.push(blobsLeft());
      };
      const files: Files = {
        ...nodeFiles,
        create(path) {
          const draft = nodeFiles.create(path);
          const isDraft = dirname(path) === join(dir, 'ingest');
          return {
            ...draft,
            async flush() {
              if (isDraft) await collect();
              await draft.flush();
            },
          };
        },
      };
      await using(
        async ({ layers }) => {
          await layers.ingest(descriptor.digest, diffID);
          await collect();
          (await layers.open(diffID)).close();
        },
        { files },
      );
      expect(lefts).toEqual(Array(3).fill([descriptor.digest]));
      expect((await gc()).removed.map(({ kind }) => kind)).toEqual(['blob', 'layer']);
    });

    test('removes documents before all that they refer to', async () => {
      const index = buildIndex([image, imageOf('arm', { architecture: 'arm64' })]);
      await load(undefined, index);
      const removed: string[] = [];
      const files: Files = {
        ...nodeFiles,
        remove(path) {
          removed.push(`sha256:${basename(path)}`);
          return nodeFiles.remove(path);
        },
      };
      const walk = newWalk();
      await walkGraph({ files: nodeFiles, layout: layoutOf(dir) }, [index.root.digest], walk);
      await using((store) => store.gc(), { files });
      for (const [digest, links] of walk.documents) {
        for (const link of links) {
          if (link.role === 'diffID') continue;
          expect(removed.indexOf(digest)).toBeLessThan(removed.indexOf(link.digest));
        }
      }
    });

    test('keeps all that a document leads to when that is held, and there, while it runs', async () => {
      const images = Array.from({ length: 40 }, (_, n) => imageOf(`${n}`));
      const memory = createMemoryFiles();
      const filler = await openStore('/store', { files: memory });
      for (const { blobs } of images)
        for (const bytes of blobs.values()) await filler.blobs.put(bytes);
      await filler.close();
      const slow: Files = {
        ...memory,
        remove(path) {
          // A large file on a busy disk.
          for (const end = performance.now() + 5; performance.now() < end; );
          return memory.remove(path);
        },
      };
      const collector = await openStore('/store', { files: slow });
      const user = await openStore('/store', { files: memory });
      const found: BuiltImage[] = [];
      let isDone = false;
      const collected = collector.gc().finally(() => {
        isDone = true;
      });
      for (const image of images.toReversed()) {
        await user.hold([image.root.digest]);
        if ((await user.blobs.size(image.root.digest)) === undefined) continue;
        await user.refs.set(`image-${image.root.digest}`, image.root);
        found.push(image);
        if (isDone) break;
      }
      await collected;
      await user.close();
      const { removed } = await collector.gc();
      expect(removed.filter(({ kind }) => kind !== 'lease')).toEqual([]);
      expect(found.length).toBeGreaterThan(0);
      for (const digest of digestsOf(...found)) {
        expect(await collector.blobs.size(digest)).toBeDefined();
      }
    });
  });

  describe('leaves everything whole that is named', () => {
    const images = ['a', 'b', 'c'].map((content) => imageOf(content, { compression: 'none' }));

    /** Names in the order of their last use; the last image has none. */
    const fill = async (files: Files) => {
      const store = await openStore('/store', { files });
      for (const [n, { root, blobs, layers }] of images.entries()) {
        for (const bytes of blobs.values()) await store.blobs.put(bytes);
        for (const { descriptor, diffID } of layers) {
          await store.layers.ingest(descriptor.digest, diffID);
        }
        if (n < 2) await store.refs.set(`image-${n}`, root);
      }
      await store.close();
    };

    const collect = async (files: Files) => {
      const store = await openStore('/store', { files });
      const { size } = await store.gc({ dryRun: true });
      await store.gc({ maxSize: size - 1 });
    };

    const expectWhole = async (files: Files) => {
      const store = await openStore('/store', { files });
      const named = await store.refs.list();
      expect(named.length).toBeGreaterThanOrEqual(1);
      for (const { descriptor } of named) {
        const image = images.find(({ root }) => root.digest === descriptor.digest);
        for (const [digest, bytes] of image?.blobs ?? []) {
          expect(Buffer.from(await store.blobs.read(digest, 1e6))).toEqual(Buffer.from(bytes));
        }
        for (const { diffID } of image?.layers ?? []) (await store.layers.open(diffID)).close();
      }
      // Whoever finds a layer can open it, named or not.
      for (const { diffID } of images.flatMap(({ layers }) => layers)) {
        if (await store.layers.has(diffID)) (await store.layers.open(diffID)).close();
      }
      await store.gc();
      expect((await store.gc({ dryRun: true })).removed).toEqual([]);
    };

    /** Of a process that is killed at its `at`-th call that changes something. */
    const dying = (files: Files, at: number) => {
      const reading = ['stat', 'list', 'readWhole', 'open', 'readLink', 'size', 'read', 'close'];
      let calls = 0;
      const dyingFiles = watchedFiles(files, (call) => {
        if (!reading.includes(call)) calls += 1;
        if (calls >= at) throw new Error('killed');
      });
      return { files: dyingFiles, isAlive: () => calls < at };
    };

    test('when it is killed at any call', async () => {
      let kills = 0;
      for (let isDone = false; !isDone; kills += 1) {
        const memory = createMemoryFiles();
        await fill(memory);
        const { files, isAlive } = dying(await playedFiles(memory, 1), kills + 1);
        await collect(files).catch(() => undefined);
        isDone = isAlive();
        await expectWhole(memory);
      }
      expect(kills).toBeGreaterThan(30);
    });

    test('when the power fails after any step', async () => {
      const start = createMemoryFiles();
      await fill(start);
      const random = seededRandom(20261122);
      const disk = createDisk(start);
      const filled = disk.length();
      await collect(await playedFiles(disk.files, 1));
      for (let length = filled; length <= disk.length(); length += 1) {
        for (const fate of [fates['names survive'], randomFate(random), randomFate(random)]) {
          await expectWhole(disk.cut(length, fate).files);
        }
      }
      expect(disk.length() - filled).toBeGreaterThan(20);
    });
  });
});
