import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { planMachine } from '../../../src/boot.ts';
import { push } from '../../../src/copy/push.ts';
import { save } from '../../../src/copy/save.ts';
import { hostFiles } from '../../../src/dotnet/host-files.ts';
import { inspect } from '../../../src/inspect.ts';
import { addKernel } from '../../../src/osv/kernels.ts';
import { withHealing } from '../../../src/pull/heal.ts';
import { pull } from '../../../src/pull/pull.ts';
import { namesLeadingTo, refetch } from '../../../src/pull/refetch.ts';
import { packOnce } from '../../../src/runtimes/packed-layer.ts';
import { readFile as readFileOf } from '../../../src/tree/contents.ts';
import { lookup } from '../../../src/tree/lookup.ts';
import { type OpenLayers, withLayers } from '../../../src/tree/open-layers.ts';
import { type Digest, digestOf, openStore, type Store } from '../../../store/index.ts';
import { startRegistry } from '../../support/registry/registry.ts';
import { fakeKernelElf, fakeLoader } from '../osv/fake-kernel.ts';
import {
  blobPath,
  copied,
  damaged,
  filesInUse,
  flip,
  folder,
  image,
  kinds,
  layerPath,
  lose,
  name,
  newPath,
  registry,
  told,
} from './healed-image.ts';

describe('withHealing', () => {
  it('packs files of the host again when those in the store are damaged', async () => {
    const store = await copied();
    const source = join(folder, 'libhost.so');
    await writeFile(source, 'of the host');
    const entry = {
      kind: 'file',
      path: 'lib',
      source,
      files: hostFiles,
      size: 11,
      mode: 0o644,
    } as const;
    const plan = { entries: [entry], size: 11, key: 'a-key' };
    const readPacked = async () => {
      const diffID = await packOnce(store, plan, {});
      const read = ({ flatten, contents }: OpenLayers) =>
        flatten([diffID]).then((tree) => {
          const node = lookup(tree, '/lib')?.node;
          if (node?.kind !== 'file') throw new Error('the layer has the file');
          return Buffer.from(readFileOf(contents, node, 100)).toString();
        });
      return { diffID, text: await withLayers(store, read) };
    };
    const { diffID } = await readPacked();
    await flip(store, layerPath(diffID, 'tar'), 0.252);
    await expect(readPacked()).rejects.toMatchObject({ code: 'STORE_CORRUPT', digest: diffID });
    expect((await withHealing(store, told(), readPacked)).text).toBe('of the host');
  });

  it('mends a blob that the disk does not give', async () => {
    const store = await copied();
    const { config } = filesInUse();
    const path = join(store.path, blobPath(config));
    await rm(path);
    await mkdir(path);
    const read = () => store.blobs.read(config, 1e6);
    await expect(read()).rejects.toMatchObject({ code: 'STORE_CORRUPT', digest: config });
    expect(digestOf(await withHealing(store, told(), read))).toBe(config);
  });
});

describe('planMachine', () => {
  it('boots no damaged kernel', async () => {
    const store = await copied();
    const files = [{ name: 'loader-stripped.elf', bytes: fakeKernelElf() }];
    const { elf } = await addKernel(store, files, { name: 'mine' });
    const disk = join(folder, 'kernel.raw');
    await writeFile(disk, fakeLoader());
    await writeFile(`${disk}.json`, JSON.stringify({ disk: { boot: 'bios' }, kernel: {} }));
    await flip(store, blobPath(elf?.digest as Digest));
    const options = {
      memory: 1,
      cpus: 1,
      accelerator: 'tcg',
      forwards: [],
      env: new Map(),
    } as const;
    const planning = planMachine(store, disk, { ...options, kernel: 'mine' });
    await expect(planning).rejects.toMatchObject({ digest: elf?.digest });
  });
});

describe('others that read the store', () => {
  const commands: Record<string, (store: Store, output: string) => Promise<unknown>> = {
    inspect: async (store) => await inspect(store, name, told()),
    pull: async (store) => await pull(store, `${registry.host}/hello@${image.root.digest}`, told()),
    save: async (store, output) => {
      await save(store, [name], output, { ...told(), format: 'oci-archive' });
      return digestOf(await readFile(output));
    },
    'save as docker-archive': async (store, output) => {
      await save(store, [name], output, { ...told(), format: 'docker-archive' });
      return digestOf(await readFile(output));
    },
    push: async (store) => {
      const target = await startRegistry({ images: {} });
      try {
        const { digest } = await push(store, name, `${target.host}/copy:1`, told());
        return digest;
      } finally {
        await target.close();
      }
    },
  };

  it.each(Object.keys(commands))('%s mends what it needs and goes on', async (command) => {
    const work = commands[command] ?? (async () => undefined);
    const sound = await work(await copied(), newPath('output'));
    expect(sound).toBeDefined();
    for (const kind of kinds) {
      const { store } = await damaged(kind);
      expect([kind, await work(store, newPath('output'))]).toEqual([kind, sound]);
    }
  });
});

describe('refetch', () => {
  it('brings any blob of an image from its registry, by digest', async () => {
    const { manifest, config, base, app } = filesInUse();
    const lost = [manifest, config, base.descriptor.digest, app.descriptor.digest];
    for (const others of [[], lost]) {
      for (const digest of lost) {
        const store = await copied();
        for (const gone of new Set([digest, ...others])) await lose(store, blobPath(gone));
        expect(await refetch(store, { digest, names: [name] }, told())).toBe(true);
        expect(digestOf(await store.blobs.read(digest, 1e9))).toBe(digest);
      }
    }
  });

  it('tries one name after the other, and asks no registry for what came from none', async () => {
    const store = await copied();
    const { config, manifest } = filesInUse();
    const size = (await store.blobs.size(manifest)) ?? 0;
    const descriptor = { mediaType: image.root.mediaType, digest: manifest, size };
    const names = ['kernel/mine', 'localhost/hello:1', `${registry.host}/another:1`];
    for (const name of names) await store.refs.set(name, descriptor);
    await lose(store, blobPath(config));
    expect(await namesLeadingTo(store, config)).toEqual([...names, name].sort());

    const asked = registry.requests.length;
    expect(await refetch(store, { digest: config, names }, told())).toBe(false);
    const paths = registry.requests.slice(asked).map(({ path }) => path);
    expect(paths).toEqual([`/v2/another/blobs/${config}`]);
    expect(await refetch(store, { digest: config, names: [...names, name] }, told())).toBe(true);
    expect(await store.blobs.size(config)).toBeDefined();
  });

  it('does not say that nobody has it when somebody could not be asked', async () => {
    const closed = await startRegistry({ images: {} });
    await closed.close();
    const store = await copied();
    const { config } = filesInUse();
    const [descriptor] = (await store.refs.list()).map((ref) => ref.descriptor);
    const names = [`${closed.host}/hello:1`];
    if (descriptor !== undefined) await store.refs.set(names[0] ?? '', descriptor);
    await lose(store, blobPath(config));
    await expect(refetch(store, { digest: config, names }, told())).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
    });
    expect(await refetch(store, { digest: config, names: [...names, name] }, told())).toBe(true);
  });

  it('reads each document once, however often one lists another', async () => {
    const store = await openStore(join(folder, 'listed'));
    const mediaType = 'application/vnd.oci.image.index.v1+json';
    let root = image.root;
    for (let depth = 0; depth < 4; depth += 1) {
      const manifests = Array.from({ length: 60 }, () => root);
      const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests }));
      root = { mediaType, digest: await store.blobs.put(bytes), size: bytes.length };
    }
    await store.refs.set('many', root);
    expect(await namesLeadingTo(store, digestOf(Buffer.from('never seen')))).toEqual([]);
    expect(await namesLeadingTo(store, image.root.digest)).toEqual(['many']);
    await store.close();
  });

  it('gives up for what no name leads to', async () => {
    const store = await copied();
    const digest = digestOf(Buffer.from('never seen'));
    expect(await refetch(store, { digest, names: [name] }, told())).toBe(false);
    expect(await namesLeadingTo(store, digest)).toEqual([]);
  });

  it('ends when it is aborted', async () => {
    const store = await copied();
    const { config } = filesInUse();
    await lose(store, blobPath(config));
    const signal = AbortSignal.abort(new Error('enough'));
    const lost = { digest: config, names: [name] };
    await expect(refetch(store, lost, { ...told(), signal })).rejects.toThrow('enough');
  });
});
