import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { planMachine } from '../../../src/boot.ts';
import { convert } from '../../../src/convert.ts';
import { save } from '../../../src/copy/save.ts';
import { tagImage } from '../../../src/copy/stored-names.ts';
import { addKernel } from '../../../src/osv/kernels.ts';
import { obtain, pull } from '../../../src/pull/pull.ts';
import { type Digest, openStore, type Store } from '../../../store/index.ts';
import { helloImage } from '../../support/hello-image.ts';
import type { BuiltImage } from '../../support/image.ts';
import { writeLayout } from '../../support/layout.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { fakeKernelElf, fakeLoader } from '../osv/fake-kernel.ts';

const name = 'docker.io/acme/hello:1';

const folder = temporaryFolder('holds');
let image: BuiltImage;
let count = 0;

beforeAll(async () => {
  image = await helloImage();
  await writeLayout(join(folder, 'layout'), 'acme/hello:1', image);
});

/** A store with the image, opened anew: nothing is held. */
async function filled(): Promise<Store> {
  count += 1;
  const path = join(folder, `store-${count}`);
  const store = await openStore(path);
  await pull(store, `oci:${join(folder, 'layout')}:acme/hello:1`, {});
  await store.close();
  return await openStore(path);
}

async function heldIn(store: Store): Promise<readonly Digest[]> {
  return (await store.leases.list()).flatMap(({ holds }) => holds);
}

describe('what is in use is held until the store is closed', () => {
  it('by pull: manifest, config, layers as they came and unpacked', async () => {
    count += 1;
    const store = await openStore(join(folder, `store-${count}`), { purpose: 'a pull' });
    await pull(store, `oci:${join(folder, 'layout')}:acme/hello:1`, {});
    const parts = image.layers.flatMap(({ descriptor, diffID }) => [descriptor.digest, diffID]);
    const wanted = [image.root.digest, image.config.digest, ...parts];
    expect(await heldIn(store)).toEqual(expect.arrayContaining(wanted));
    const [lease] = await store.leases.list();
    expect(lease).toMatchObject({ purpose: 'a pull', alive: true });
    await store.close();
    expect(await store.leases.list()).toEqual([]);
  });

  const options = { format: 'raw', boot: 'direct', hostEnv: {}, pull: 'never' } as const;
  const uses: Record<string, (store: Store) => Promise<unknown>> = {
    obtain: async (store) => await obtain(store, name, {}),
    convert: async (store) => await convert(store, name, join(folder, `d-${count}`), options),
    save: async (store) => await save(store, [name], join(folder, `s-${count}.tar`)),
    tagImage: async (store) => await tagImage(store, name, 'acme/other:1'),
  };

  it.each(Object.keys(uses))('by %s: the manifest, and with it all it refers to', async (use) => {
    const store = await filled();
    expect(await heldIn(store)).toEqual([]);
    await uses[use]?.(store);
    expect(await heldIn(store)).toContain(image.root.digest);
  });

  it('so that gc takes nothing of it before', async () => {
    const [user, other] = [await filled(), await openStore(join(folder, `store-${count}`))];
    await obtain(user, name, {});
    await other.refs.delete(name);
    expect((await other.gc()).removed).toEqual([]);
    for (const { diffID } of image.layers) expect(await user.layers.has(diffID)).toBe(true);
    await user.close();
    const removed = (await other.gc()).removed.map((garbage) => garbage.name);
    expect(removed).toEqual(expect.arrayContaining([image.root.digest, image.config.digest]));
    for (const { diffID } of image.layers) expect(await other.layers.has(diffID)).toBe(false);
  });

  it('by planMachine: the ELF that QEMU reads', async () => {
    const store = await filled();
    const files = [{ name: 'loader-stripped.elf', bytes: fakeKernelElf() }];
    const { elf } = await addKernel(store, files, { name: 'mine' });
    await store.close();
    const disk = join(folder, 'disk.raw');
    await writeFile(disk, fakeLoader());
    const built = { disk: { boot: 'bios' }, kernel: { elf: elf?.digest } };
    await writeFile(`${disk}.json`, JSON.stringify(built));
    const machine = {
      memory: 1,
      cpus: 1,
      accelerator: 'tcg',
      forwards: [],
      env: new Map(),
    } as const;
    const again = await openStore(store.path);
    await planMachine(again, disk, machine);
    expect(await heldIn(again)).toEqual([elf?.digest]);
  });
});

describe('tagImage', () => {
  /** What `beside` does comes between the look at the names and the hold. */
  const interrupted = (store: Store, beside: (times: number) => Promise<unknown>): Store => {
    let times = 0;
    const hold = async (digests: readonly Digest[]) => {
      times += 1;
      await beside(times);
      await store.hold(digests);
    };
    return { ...store, hold };
  };

  it('gives no name to what another process takes out meanwhile', async () => {
    const store = await filled();
    const removed = interrupted(store, () => store.refs.delete(name));
    await expect(tagImage(removed, name, 'acme/other:1')).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
    });
    expect(await store.refs.list()).toEqual([]);
  });

  it('names what the name means now when it gets another meaning meanwhile', async () => {
    const store = await filled();
    const [ref] = await store.refs.list();
    const size = image.config.size;
    const other = {
      ...ref?.descriptor,
      mediaType: 'text/plain',
      digest: image.config.digest,
      size,
    };
    const changed = interrupted(store, async (times) => {
      if (times === 1) await store.refs.set(name, other);
    });
    const { images } = await tagImage(changed, name, 'acme/other:1');
    expect(images.map(({ digest }) => digest)).toEqual([image.config.digest]);
    expect(await heldIn(store)).toContain(image.config.digest);
  });
});

describe('a store that may only be read', () => {
  it('gives a disk, and tells of damage without mending it', async () => {
    const { path } = await filled();
    const store = await openStore(path, { readOnly: true });
    const output = join(folder, 'read-only.raw');
    const options = { format: 'raw', boot: 'direct', hostEnv: {} } as const;
    await convert(store, name, output, options);
    const { diffID = '' } = image.layers[1] ?? {};
    const tar = join(path, 'layers/v2', ...diffID.split(':'), 'tar');
    const bytes = await readFile(tar);
    await writeFile(tar, bytes.fill(7, 100_000, 100_001));
    await expect(convert(store, name, output, options)).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      digest: diffID,
      hint: 'osv-convert store verify --repair',
    });
    expect(bytes.equals(await readFile(tar))).toBe(true);
    expect(await store.leases.list()).toEqual([]);
  });
});
