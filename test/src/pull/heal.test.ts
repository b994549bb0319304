import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { planMachine } from '../../../src/boot.ts';
import { type ConvertOptions, convert } from '../../../src/convert.ts';
import { push } from '../../../src/copy/push.ts';
import { save } from '../../../src/copy/save.ts';
import { hostFiles } from '../../../src/dotnet/host-files.ts';
import type { ConvertEvent } from '../../../src/event.ts';
import { inspect } from '../../../src/inspect.ts';
import { addKernel } from '../../../src/osv/kernels.ts';
import { withHealing } from '../../../src/pull/heal.ts';
import { pull } from '../../../src/pull/pull.ts';
import { namesLeadingTo, refetch } from '../../../src/pull/refetch.ts';
import { packOnce } from '../../../src/runtimes/packed-layer.ts';
import { readFile as readFileOf } from '../../../src/tree/contents.ts';
import { lookup } from '../../../src/tree/lookup.ts';
import { type OpenLayers, withLayers } from '../../../src/tree/open-layers.ts';
import { type Digest, digestOf, openStore, type Store, StoreError } from '../../../store/index.ts';
import { helloImage } from '../../support/hello-image.ts';
import { type BuiltImage, buildImage } from '../../support/image.ts';
import { file } from '../../support/layers.ts';
import { instantPace } from '../../support/pace.ts';
import { type Registry, startRegistry } from '../../support/registry/registry.ts';
import { fakeKernelElf, fakeLoader } from '../osv/fake-kernel.ts';

let folder = '';
let count = 0;
let image: BuiltImage;
let registry: Registry;
let name = '';
/** Of the disk that a sound store gives. */
let wanted: Digest;
const warnings: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-heal-'));
  image = await helloImage();
  registry = await startRegistry({ images: { 'hello:1': image } });
  name = `${registry.host}/hello:1`;
  const store = await openStore(join(folder, 'sound'));
  await pull(store, name, told());
  wanted = await build(store);
  // From here on the name means another image.
  const moved = buildImage({ layers: [[file('other', 'image')]] });
  const other = await startRegistry({ images: { 'moved:1': moved } });
  await push(store, `docker://${other.host}/moved:1`, name, told());
  await other.close();
  await store.close();
});

afterEach(() => void warnings.splice(0));

afterAll(async () => {
  await registry.close();
  await rm(folder, { recursive: true, force: true });
});

/** At a pace at which nothing takes time. */
const told = () => ({
  registry: { pace: instantPace() },
  onEvent(event: ConvertEvent) {
    if (event.event === 'warning') warnings.push(event.text);
  },
});

/** A copy of a store with the image, which led to `wanted`. */
async function copied(): Promise<Store> {
  count += 1;
  const path = join(folder, `store-${count}`);
  await cp(join(folder, 'sound'), path, { recursive: true });
  return await openStore(path);
}

async function build(store: Store, options: Partial<ConvertOptions> = {}): Promise<Digest> {
  count += 1;
  const disk = join(folder, `disk-${count}.raw`);
  const usual = { ...told(), format: 'raw', boot: 'direct', hostEnv: {} } as const;
  await convert(store, name, disk, { ...usual, ...options });
  const digest = digestOf(await readFile(disk));
  await rm(disk);
  return digest;
}

const blobPath = (digest: Digest) => join('blobs', ...digest.split(':'));
const layerPath = (digest: Digest, part = '') => join('layers/v2', ...digest.split(':'), part);

async function flip(store: Store, path: string, at = 0.5): Promise<void> {
  const bytes = await readFile(join(store.path, path));
  const place = Math.floor(at * bytes.length);
  bytes.writeUInt8(bytes.readUInt8(place) ^ 4, place);
  await writeFile(join(store.path, path), bytes);
}

async function lose(store: Store, path: string): Promise<void> {
  await rm(join(store.path, path), { recursive: true });
}

/** Every file of blobs and layers that this image is made of. */
function filesInUse() {
  const [base, app] = image.layers;
  if (base === undefined || app === undefined) throw new Error('the image has two layers');
  return { manifest: image.root.digest, config: image.config.digest, base, app };
}

async function everyFileOf(store: Store): Promise<readonly string[]> {
  const found: string[] = [];
  for (const part of ['blobs', 'layers']) {
    const entries = await readdir(join(store.path, part), { recursive: true, withFileTypes: true });
    for (const entry of entries.filter((entry) => entry.isFile())) {
      found.push(relative(store.path, join(entry.parentPath, entry.name)));
    }
  }
  return found.sort();
}

type Damage = (store: Store) => Promise<void>;

/** What can happen to a store, and the digest that tells of it where it cannot be mended. */
function damages(): Record<string, { readonly digest: Digest; readonly harm: Damage }> {
  const { manifest, config, app } = filesInUse();
  const blob = app.descriptor.digest;
  const layer = layerPath(app.diffID);
  return {
    'a flipped manifest': { digest: manifest, harm: (store) => flip(store, blobPath(manifest)) },
    'a flipped config': { digest: config, harm: (store) => flip(store, blobPath(config)) },
    'a lost manifest': { digest: manifest, harm: (store) => lose(store, blobPath(manifest)) },
    'a lost config': { digest: config, harm: (store) => lose(store, blobPath(config)) },
    'a lost layer': {
      digest: blob,
      async harm(store) {
        await lose(store, blobPath(blob));
        await lose(store, layer);
      },
    },
    'a flipped layer that is not unpacked': {
      digest: blob,
      async harm(store) {
        await flip(store, blobPath(blob));
        await lose(store, layer);
      },
    },
    'a flipped file of a layer whose blob is lost': {
      digest: app.diffID,
      async harm(store) {
        await flip(store, join(layer, 'tar'));
        await lose(store, blobPath(blob));
      },
    },
    'a flipped file of a layer whose blob is flipped too': {
      digest: app.diffID,
      async harm(store) {
        await flip(store, join(layer, 'tar'));
        await flip(store, blobPath(blob));
      },
    },
    'everything flipped': {
      digest: manifest,
      async harm(store) {
        for (const path of await everyFileOf(store)) await flip(store, path);
      },
    },
  };
}

const kinds = [
  'a flipped manifest',
  'a flipped config',
  'a lost manifest',
  'a lost config',
  'a lost layer',
  'a flipped layer that is not unpacked',
  'a flipped file of a layer whose blob is lost',
  'a flipped file of a layer whose blob is flipped too',
  'everything flipped',
] as const;

async function damaged(kind: string): Promise<{ readonly store: Store; readonly digest: Digest }> {
  const store = await copied();
  const damage = damages()[kind];
  if (damage === undefined) throw new Error(`no damage is called ${kind}`);
  await damage.harm(store);
  return { store, digest: damage.digest };
}

describe('convert', () => {
  it.each(kinds)('gives the same bytes when it finds %s', async (kind) => {
    const { store } = await damaged(kind);
    expect(await build(store)).toBe(wanted);
    // What was mended is sound from then on.
    const asked = registry.requests.length;
    warnings.splice(0);
    expect(await build(store, { offline: true })).toBe(wanted);
    expect([registry.requests.length - asked, warnings]).toEqual([0, []]);
  });

  it.each(kinds)('names the digest when it may not fetch and finds %s', async (kind) => {
    for (const policy of [{ offline: true }, { pull: 'never' }] as const) {
      const { store, digest } = await damaged(kind);
      const asked = registry.requests.length;
      await expect(build(store, policy)).rejects.toMatchObject({
        message: expect.stringContaining(digest),
        hint: expect.stringMatching(/^osv-convert pull .*hello:1$/),
      });
      expect(registry.requests).toHaveLength(asked);
    }
  });

  it.each([
    ['a flipped file of a layer', 'tar', flip],
    ['a lost tar', 'tar', lose],
    ['a flipped index', 'index', flip],
    ['a lost index', 'index', lose],
    ['a lost layer of which the blob is there', '', lose],
  ])('asks nobody when it finds %s', async (_kind, part, harm) => {
    for (const layer of image.layers) {
      const store = await copied();
      await harm(store, layerPath(layer.diffID, part));
      expect(await build(store, { offline: true })).toBe(wanted);
      await build(store, { offline: true });
      expect(warnings.length).toBeLessThanOrEqual(1);
      warnings.splice(0);
    }
  });

  it('mends a flipped bit wherever it is, or does without the file', async () => {
    const places = [0, 0.02, 0.1, 0.37, 0.6, 0.9, 0.9999];
    for (const path of await everyFileOf(await copied())) {
      const store = await copied();
      for (const place of places) {
        await flip(store, path, place);
        expect([path, place, await build(store)]).toEqual([path, place, wanted]);
      }
    }
  });

  it('tells what it mended', async () => {
    const store = await copied();
    const { app, config } = filesInUse();
    await flip(store, layerPath(app.diffID, 'tar'));
    await flip(store, blobPath(config));
    await build(store);
    expect(warnings).toEqual([
      expect.stringMatching(new RegExp(`${config}; fetched it anew$`)),
      expect.stringMatching(/"app\/hello-aot" of layer .*; mended it from what the store has$/),
    ]);
  });

  it('names what was found and what was wanted once when it may not fetch', async () => {
    const { store, digest } = await damaged('a flipped manifest');
    const failure = await build(store, { offline: true }).catch((error: unknown) => error);
    if (!(failure instanceof StoreError)) throw new Error('the store is damaged');
    expect(failure.code).toBe('STORE_CORRUPT');
    const path = join(store.path, blobPath(digest));
    const said = [...warnings, failure.message].join('\n').replace(path, 'PATH');
    expect(said).toMatch(new RegExp(`^reading PATH: found sha256:\\w+, wanted ${digest}`));
    expect(said.match(/sha256:/g)).toHaveLength(2);
  });

  it('finds damage behind what looks like the fault of the image', async () => {
    const store = await copied();
    const { app } = filesInUse();
    const tar = await readFile(join(store.path, layerPath(app.diffID, 'tar')));
    // A flipped magic number: no program is found in the image then.
    await flip(store, layerPath(app.diffID, 'tar'), (tar.indexOf('\x7fELF') + 0.5) / tar.length);
    expect(await build(store)).toBe(wanted);
    await flip(store, layerPath(app.diffID, 'tar'), (tar.indexOf('\x7fELF') + 0.5) / tar.length);
    await lose(store, blobPath(app.descriptor.digest));
    await expect(build(store, { offline: true })).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      digest: app.diffID,
    });
  });

  it('fetches what a name in the store lacks from where it came from', async () => {
    const { store } = await damaged('a lost layer');
    count += 1;
    const disk = join(folder, `disk-${count}.raw`);
    const usual = { ...told(), format: 'raw', boot: 'direct', hostEnv: {} } as const;
    await convert(store, `store:${name}`, disk, usual);
    expect(digestOf(await readFile(disk))).toBe(wanted);
  });

  it('names digest and registry when that is gone', async () => {
    const gone = await startRegistry({ images: { 'hello:1': image } });
    const store = await openStore(join(folder, 'gone'));
    const reference = `${gone.host}/hello:1`;
    await pull(store, reference, told());
    await gone.close();
    const { config } = filesInUse();
    await flip(store, blobPath(config));
    const usual = { ...told(), format: 'raw', boot: 'direct', hostEnv: {} } as const;
    await expect(convert(store, reference, join(folder, 'no'), usual)).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      digest: config,
      message: expect.stringMatching(new RegExp(`${config}.*; mending it: .*${gone.host}`)),
    });
  });

  it('tells of the damage when the registry gives other bytes than it did', async () => {
    const { config } = filesInUse();
    const liar = await startRegistry({
      images: { 'hello:1': image },
      faults: [{ on: 'blob', path: config, flaw: { kind: 'corrupt' } }],
    });
    const store = await openStore(join(folder, 'liar'));
    await expect(pull(store, `${liar.host}/hello:1`, told())).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
    // Nothing of the store was damaged: nobody was asked again.
    expect(liar.requests.filter(({ path }) => path.endsWith(config))).toHaveLength(1);
    expect(warnings).toEqual([]);
    await liar.close();
  });

  it('says how to bring in a kernel again when its file is damaged', async () => {
    const store = await copied();
    const files = [{ name: 'loader.img', bytes: fakeLoader() }];
    const kernel = await addKernel(store, files, { name: 'mine' });
    await flip(store, blobPath(kernel.loader?.digest as Digest));
    await expect(build(store, { boot: 'bios' })).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      digest: kernel.loader?.digest,
      hint: expect.stringMatching(/^osv-convert kernel rm mine\nosv-convert kernel add /),
    });
  });
});

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
    const output = () => {
      count += 1;
      return join(folder, `output-${count}`);
    };
    const sound = await work(await copied(), output());
    expect(sound).toBeDefined();
    for (const kind of kinds) {
      const { store } = await damaged(kind);
      expect([kind, await work(store, output())]).toEqual([kind, sound]);
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
