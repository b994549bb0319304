import { Buffer } from 'node:buffer';
import {
  appendFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Files } from '../../store/files/files.ts';
import { nodeFiles } from '../../store/files/node.ts';
import { myself } from '../../store/files/owner.ts';
import { type Digest, digestOf, hexOf, parseDiffID } from '../../store/index.ts';
import { layoutOf } from '../../store/layout.ts';
import { tryLock } from '../../store/leases/lock.ts';
import { type BuiltImage, buildIndex } from '../support/image.ts';
import {
  age,
  blobPath,
  blobsLeft,
  day,
  digestsOf,
  dir,
  gc,
  hour,
  imageOf,
  indexBytes,
  leaseText,
  load,
  using,
  write,
} from './gc-store.ts';

const code = (wanted: string) => ({ code: wanted });
const week = 7 * day;
const layerPath = (diffID: Digest) => join(dir(), 'layers/v2/sha256', hexOf(diffID));
const sizeAt = (name: string) => lstatSync(join(dir(), 'blobs/sha256', name.slice(7))).size;

/** Everything in the store: names, bytes of what is small, times. */
function snapshot(folder = dir()): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    const { size, mtimeMs, nlink } = lstatSync(path);
    if (entry.isDirectory()) return [path, ...snapshot(path)];
    return [`${path} ${size} ${mtimeMs} ${nlink}`];
  });
}

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

  test('keeps an index whose other platforms were never pulled', async () => {
    const here = imageOf('here');
    const index = buildIndex([here, imageOf('away', { architecture: 'arm64' })]);
    const blobs = new Map([...here.blobs, [index.root.digest, indexBytes(index)]]);
    await load('both', { root: index.root, blobs });
    expect((await gc()).removed).toEqual([]);
  });

  test('keeps what other tools named without a name, or by another kind of digest', async () => {
    const image = imageOf('unnamed');
    await load(undefined, image);
    const sha512 = write(join(dir(), 'blobs/sha512', '0'.repeat(128)));
    const manifests = [image.root, { ...image.root, digest: `sha512:${'0'.repeat(128)}` }];
    writeFileSync(join(dir(), 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
    const foreign = write(join(dir(), 'blobs/sha256/oci-put-blob123'));
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
    expect(existsSync(dir())).toBe(false);
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
      expect(readdirSync(join(dir(), 'layers/v2/sha256'))).toEqual([]);
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
      const outside = join(dir(), 'outside');
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
      const lock = await tryLock(nodeFiles, layoutOf(dir()).lease('layer', diffID));
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
      const old = write(join(dir(), 'layers/v1/sha256/aa/tar'), 'old');
      write(join(dir(), 'layers/v1/sha256/bb/index'), 'older');
      const newer = write(join(dir(), 'layers/v3/sha256/aa/tar'));
      mkdirSync(join(dir(), 'layers/v2'), { recursive: true });
      expect((await gc()).removed).toEqual([
        { kind: 'layer', name: 'layers/v1/sha256/aa', size: 3 },
        { kind: 'layer', name: 'layers/v1/sha256/bb', size: 5 },
      ]);
      expect([old, join(dir(), 'layers/v1')].some(existsSync)).toBe(false);
      expect(existsSync(newer)).toBe(true);
    });
  });

  describe('what was left behind', () => {
    const image = imageOf('image');
    const absent = digestOf(Buffer.from('absent'));
    const partialPath = () => join(dir(), 'ingest/partial/sha256', hexOf(absent));

    test('partial blobs go after a day, or olderThan, unless someone continues them', async () => {
      await load('image', image);
      const path = write(partialPath(), 'part');
      age(path, day - hour);
      expect((await gc()).removed).toEqual([]);
      age(path, day);
      expect((await gc({ dryRun: true })).removed).toEqual([
        { kind: 'partial', name: absent, size: 4 },
      ]);
      const lock = await tryLock(nodeFiles, layoutOf(dir()).lease('blob', absent));
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
      const mine = write(join(dir(), 'ingest', `${pid}_${start}_${realm}_x`));
      const dead = write(join(dir(), 'ingest', `${pid}_1_${realm}_x`));
      const unknown = write(join(dir(), 'ingest', `${pid}_${start}_${'0'.repeat(16)}_x`));
      const kinds = (report: { removed: readonly { kind: string; name: string }[] }) =>
        report.removed.map(({ kind, name }) => [kind, join(dir(), name)]);
      const dry = await gc({ dryRun: true });
      expect(kinds(dry)).toEqual([['draft', dead]]);
      expect(await gc()).toEqual({ ...dry, dryRun: false });
      age(unknown, day);
      expect(kinds(await gc())).toEqual([['draft', unknown]]);
      expect([mine, dead, unknown].map(existsSync)).toEqual([true, false, false]);
    });

    test('files and folders in quarantine go after a week', async () => {
      await load('image', image);
      const [young, old] = [join(dir(), 'quarantine/young'), join(dir(), 'quarantine/old')];
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
      write(join(dir(), 'ingest', `1_1_${realm}_x`));
      age(write(join(dir(), 'ingest/partial/sha256', '0'.repeat(64))), week + hour);
      age(write(join(dir(), 'quarantine/x')), week);
      write(join(dir(), 'layers/v1/sha256/x/tar'));
      mkdirSync(join(dir(), 'layers/v2/sha256', '1'.repeat(64)));
      const dead = { ...(await myself()), start: '1' };
      write(join(dir(), 'leases/other.lease'), await leaseText(digestOf(Buffer.of()), dead));

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
      const path = join(dir(), 'index.json');
      const text = readFileSync(path, 'utf8');
      writeFileSync(path, text.slice(9));
      await expect(gc()).rejects.toMatchObject(code('STORE_CORRUPT'));
      unlinkSync(path);
      await expect(gc()).rejects.toMatchObject(code('STORE_CORRUPT'));
      expect(blobsLeft().sort()).toEqual(digestsOf(image));
    });
  });
});
