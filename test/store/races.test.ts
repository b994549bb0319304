import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { createMemoryFiles, type Files, openStore, type Store } from '../../store/index.ts';
import { layoutOf } from '../../store/layout.ts';
import { buildImage } from '../support/image.ts';
import { buildLayer, file } from '../support/layers.ts';

/*
 * What another process does between two calls of a store to its files.
 */

const dir = '/store';
const layout = layoutOf(dir);
const image = buildImage({ layers: [[file('app', 'app')]] });
const made = buildLayer([file('made', 'made')], { compression: 'none' });
const [layer] = image.layers;
if (layer === undefined) throw new Error('the image has a layer');

async function* chunks(...parts: readonly Uint8Array[]) {
  yield* parts;
}

async function pull(store: Store): Promise<void> {
  for (const bytes of image.blobs.values()) await store.blobs.put(bytes);
  for (const { descriptor, diffID } of image.layers) {
    await store.layers.ingest(descriptor.digest, diffID);
  }
  await store.refs.set('app', image.root);
}

async function filled(): Promise<Files> {
  const files = createMemoryFiles();
  const store = await openStore(dir, { files });
  await pull(store);
  await store.close();
  return files;
}

/** Files between whose `call` on `path` and the next one, once, something happens. */
function followed<K extends 'stat' | 'list' | 'readWhole' | 'open'>(
  files: Files,
  call: K,
  path: string,
  happen: () => void,
): Files {
  let isOver = false;
  const follow = (...args: Parameters<Files[K]>): unknown => {
    const result: unknown = Reflect.apply(files[call], files, args);
    if (args[0] === path && !isOver) {
      isOver = true;
      happen();
    }
    return result;
  };
  return { ...files, [call]: follow };
}

function copyFile(from: Files, to: Files, path: string): void {
  const made = to.create(path);
  made.write(from.readWhole(path) ?? Buffer.of(), 0);
  made.close();
}

describe('who opens a store that another process is just making', () => {
  test('finds no other things in it when its marker comes meanwhile', async () => {
    const done = await filled();
    const files = createMemoryFiles();
    files.makeFolder(dir);
    const beside = followed(files, 'readWhole', layout.marker, () => {
      copyFile(done, files, layout.marker);
      files.makeFolder(layout.leases);
    });
    await (await openStore(dir, { files: beside })).close();
  });

  test('finds nothing wrong with it when its marker comes meanwhile', async () => {
    const done = await filled();
    const files = createMemoryFiles();
    files.makeFolder(dir);
    let isOpen = false;
    const late: Files = {
      ...files,
      readWhole(path) {
        const bytes = files.readWhole(path);
        if (isOpen && path === layout.marker && bytes === undefined) {
          copyFile(done, files, layout.marker);
          files.makeFolder(layout.leases);
        }
        return bytes;
      },
    };
    const store = await openStore(dir, { files: late });
    isOpen = true;
    expect((await store.verify()).findings.filter(({ kind }) => kind === 'marker')).toEqual([]);
  });
});

describe('index.json that is lost while a store is open', () => {
  test('takes no name with it', async () => {
    const files = await filled();
    const store = await openStore(dir, { files });
    await store.refs.set('first', image.root);
    files.remove(layout.index);
    expect((await store.refs.list()).map(({ name }) => name)).toEqual(['app', 'first']);
    await store.refs.set('second', image.root);
    expect((await store.refs.list()).map(({ name }) => name)).toEqual(['app', 'first', 'second']);
    await store.close();
  });
});

describe('layers.write', () => {
  test.each([true, false])('takes in a layer whose tar is lost (links: %s)', async (hasLinks) => {
    const memory = createMemoryFiles();
    const files: Files = hasLinks ? memory : { ...memory, link: () => 'refused' };
    const store = await openStore(dir, { files });
    await store.layers.write(chunks(made.tar));
    memory.remove(layout.layer(made.diffID).tar);
    memory.remove(layout.blob(made.diffID));
    await store.layers.write(chunks(made.tar));
    expect(await store.blobs.read(made.diffID, 1e6)).toEqual(Buffer.from(made.tar));
    (await store.layers.open(made.diffID)).close();
    await store.close();
  });
});

test('verify goes on when the blob of a damaged layer is removed before it is unpacked', async () => {
  const files = await filled();
  files.update(layout.layer(layer.diffID).tar).truncate(100);
  const blob = layout.blob(layer.descriptor.digest);
  const beside = followed(files, 'open', blob, () => files.remove(blob));
  const store = await openStore(dir, { files: beside });
  const { findings } = await store.verify({ repair: true });
  expect(findings.map(({ kind, name }) => `${kind} ${name}`)).toContain(`layer ${layer.diffID}`);
  await store.close();
});

test('verify does not take a layer that is being unpacked for damaged when it repairs', async () => {
  const files = await filled();
  const { index } = layout.layer(layer.diffID);
  const done = files.readWhole(index) ?? Buffer.of();
  files.remove(index);
  const beside = followed(files, 'open', index, () => {
    const made = files.create(index);
    made.write(done, 0);
    made.close();
  });
  const store = await openStore(dir, { files: beside });
  expect((await store.verify({ full: true, repair: true })).findings).toEqual([]);
  await store.close();
});

test('heal leaves a sound blob that came before it was held, with the inode of the damaged one', async () => {
  const files = await filled();
  const path = layout.blob(image.root.digest);
  const sound = files.readWhole(path) ?? Buffer.of();
  const damaged = files.update(path);
  damaged.write(Uint8Array.of(0), 3);
  const beside: Files = {
    ...files,
    open(opened) {
      const file = files.open(opened);
      return file && opened === path ? { ...file, close: () => damaged.write(sound, 0) } : file;
    },
  };
  const store = await openStore(dir, { files: beside });
  expect(await store.blobs.heal(image.root.digest)).toBe(true);
  expect(files.list(layout.quarantine) ?? []).toEqual([]);
  await store.close();
});

test('close lets go of what is about to be held, too', async () => {
  const files = await filled();
  const store = await openStore(dir, { files });
  const held = store.hold([image.root.digest]);
  await store.close();
  await held;
  expect(files.list(layout.leases)).toEqual([]);
});

test('verify reads the names again only when they changed, however many blobs are lost', async () => {
  const files = await filled();
  const manifests = Array.from({ length: 300 }, (_, n) => ({
    ...image.root,
    digest: `sha256:${n.toString(16).padStart(64, '0')}`,
    annotations: { 'org.opencontainers.image.ref.name': `name${n}` },
  }));
  const index = files.update(layout.index);
  index.write(Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })), 0);
  index.close();
  let reads = 0;
  const counting: Files = {
    ...files,
    readWhole(path) {
      if (path === layout.index) reads += 1;
      return files.readWhole(path);
    },
  };
  const store = await openStore(dir, { files: counting });
  expect((await store.verify()).findings.length).toBeGreaterThan(300);
  expect(reads).toBeLessThan(10);
  const { findings } = await store.verify({ repair: true, refetch: async () => false });
  expect(findings.filter(({ done }) => done === 'dropped')).toHaveLength(300);
  expect(reads).toBeLessThan(20);
  await store.close();
});

test('verify waits for another program that is writing index.json in its place', async () => {
  const files = await filled();
  const whole = files.readWhole(layout.index) ?? Buffer.of();
  const index = files.update(layout.index);
  index.truncate(whole.length / 2);
  const store = await openStore(dir, { files });
  const report = store.verify({ repair: true });
  const later = setTimeout(() => index.write(whole, 0), 50);
  expect((await report).findings).toEqual([]);
  clearTimeout(later);
  await store.close();
});

test('verify notes a lease whose head was cut short, which is no one’s any more, and repair clears it away', async () => {
  const files = await filled();
  for (const [at, text] of ['', '{"version":1,"id"', '\0\0\0\nsha256:'].entries()) {
    const lease = files.create(`${layout.leases}/${at}.lease`);
    lease.write(Buffer.from(text), 0);
    lease.close();
  }
  const store = await openStore(dir, { files });
  const { findings, sound } = await store.verify({ repair: true });
  const leases = findings.filter(({ kind }) => kind === 'lease');
  expect(leases.map(({ severity, done }) => [severity, done])).toEqual([
    ['note', 'quarantined'],
    ['note', 'quarantined'],
    ['note', 'quarantined'],
  ]);
  expect(findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
  expect(sound).toBe(true);
  await store.close();
});

describe('what the disk does not give', () => {
  const failing = (files: Files, broken: string): Files => {
    const inode = files.stat(broken)?.inode;
    const fail = (path: string): void => {
      if (files.stat(path)?.inode !== inode) return;
      throw Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'read' });
    };
    return {
      ...files,
      readWhole(path) {
        fail(path);
        return files.readWhole(path);
      },
      open(path) {
        const file = files.open(path);
        const read = (target: Uint8Array, position: number): number => {
          fail(path);
          return file?.read(target, position) ?? 0;
        };
        return file && { ...file, read };
      },
    };
  };

  const readings: readonly (readonly [string, (store: Store) => Promise<unknown>])[] = [
    ['blobs.read', ({ blobs }) => blobs.read(image.root.digest, 1e6)],
    [
      'blobs.stream',
      async ({ blobs }) => {
        for await (const _ of blobs.stream(image.root.digest)) expect.unreachable();
      },
    ],
    [
      'blobs.open',
      async ({ blobs }) => {
        const blob = await blobs.open(image.root.digest);
        await blob.read(0, 10).finally(() => blob.close());
      },
    ],
  ];

  test.each(readings)('is STORE_CORRUPT with its digest, and mended, for %s', async (_, read) => {
    const files = failing(await filled(), layout.blob(image.root.digest));
    const store = await openStore(dir, { files });
    const { digest } = image.root;
    await expect(read(store)).rejects.toMatchObject({ code: 'STORE_CORRUPT', digest });
    expect(await store.blobs.heal(digest)).toBe(false);
    await store.blobs.put(image.blobs.get(digest) ?? Buffer.of());
    expect(await store.blobs.read(digest, 1e6)).toEqual(image.blobs.get(digest));
    await store.close();
  });

  test.each(['tar', 'index'] as const)(
    'is STORE_CORRUPT with its digest, and mended, for the %s of a layer',
    async (part) => {
      const { diffID } = layer;
      const files = failing(await filled(), layout.layer(diffID)[part]);
      const store = await openStore(dir, { files });
      const read = async () => {
        const open = await store.layers.open(diffID);
        try {
          return open.readInto(Buffer.alloc(10), 0);
        } finally {
          open.close();
        }
      };
      await expect(read()).rejects.toMatchObject({ code: 'STORE_CORRUPT', digest: diffID });
      expect(await store.layers.heal(diffID)).toBe(true);
      expect(await read()).toBe(10);
      await store.close();
    },
  );
});

describe('who exports a name that another process takes away meanwhile', () => {
  const { digest } = image.root;

  /** A store whose names are gone as soon as they were read once, with what `taken` says. */
  async function robbed(...taken: readonly string[]): Promise<Store> {
    const files = await filled();
    const beside = followed(files, 'readWhole', layout.index, () => {
      for (const path of [layout.index, layout.indexBackup, ...taken]) files.remove(path);
      const index = files.create(layout.index);
      index.write(Buffer.from('{"schemaVersion":2,"manifests":[]}'), 0);
      index.close();
    });
    return await openStore(dir, { files: beside });
  }

  async function exported(store: Store, names?: readonly string[]): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const chunk of store.export(names && { names })) parts.push(Buffer.from(chunk));
    return Buffer.concat(parts);
  }

  test.each([undefined, ['app']])(
    'has all of it when nothing else is gone, names %s',
    async (names) => {
      const whole = await exported(await openStore(dir, { files: await filled() }));
      expect(await exported(await robbed(), names)).toEqual(whole);
    },
  );

  test('leaves it out when its manifest is gone, unless it was named', async () => {
    const path = layout.blob(digest);
    const imported = await openStore(dir, { files: createMemoryFiles() });
    const archive = await exported(await robbed(path));
    expect(await imported.import(chunks(archive))).toEqual([]);
    const failure = exported(await robbed(path), ['app']);
    await expect(failure).rejects.toMatchObject({ code: 'BLOB_MISSING', digest: undefined });
    await expect(failure).rejects.toThrow('found no such name');
  });
});
