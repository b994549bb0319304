import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Files, openStore } from '../../store/index.ts';
import {
  blob,
  changedIn,
  flip,
  foldersOf,
  fromAnywhere,
  full,
  image,
  layerIndex,
  lower,
  origin,
  plain,
  quarantineOf,
  quick,
  repaired,
  reportOf,
  root,
  seriousOf,
  storeFiles,
  tar,
  upper,
  whole,
} from './damaged-store.ts';

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
