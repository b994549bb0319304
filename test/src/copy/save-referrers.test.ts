import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { load } from '../../../src/copy/load.ts';
import { pullReferrersOf } from '../../../src/copy/pull-referrers.ts';
import { push } from '../../../src/copy/push.ts';
import { listReferrers } from '../../../src/copy/referrers.ts';
import { save } from '../../../src/copy/save.ts';
import { recordReferrers, referrersName } from '../../../src/copy/stored-referrers.ts';
import { parseReference } from '../../../src/oci/reference.ts';
import { referrersTag } from '../../../src/oci/referrers-tag.ts';
import { pullPlatforms } from '../../../src/pull/pull.ts';
import {
  type Descriptor,
  hexOf,
  openStore,
  parseDigest,
  type Store,
} from '../../../store/index.ts';
import { buildArtifact } from '../../support/artifact.ts';
import { mediaTypes } from '../../support/descriptor.ts';
import { findProgram, startDockerRegistry } from '../../support/docker-registry.ts';
import { type BuiltImage, buildImage, buildIndex, type Image } from '../../support/image.ts';
import { file } from '../../support/layers.ts';
import { writeLayout } from '../../support/layout.ts';
import { instantPace } from '../../support/pace.ts';
import { startRegistry } from '../../support/registry/registry.ts';

const web = buildImage({ layers: [[file('app', 'A'.repeat(5000))]] });
const arm = buildImage({ layers: [[file('app', 'B')]], architecture: 'arm64' });
const artifact = (kind: string, content: string, { root }: Image): Image =>
  buildArtifact({ artifactType: `application/vnd.test.${kind}`, content, subject: root });
const signature = artifact('signature', 'by me', web);
const sbom = artifact('sbom', 'all of it', web);
const ofArm = artifact('signature', 'of the other platform', arm);

/** What refers to the image, as the tag schema has it. */
const list = buildIndex([signature, sbom]);
const tag = referrersTag(web.root.digest);

const name = 'docker.io/acme/web:1';
const registry = { pace: instantPace(), plainHttp: true };
const digestsOf = (list: readonly Pick<Descriptor, 'digest'>[] = []) =>
  list.map(({ digest }) => digest).sort();
const wanted = digestsOf([signature.root, sbom.root]);

let root = '';
let made = 0;
const closers: (() => Promise<void>)[] = [];
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'osv-convert-save-referrers-'));
});
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

function place(): string {
  made += 1;
  return join(root, `${made}`);
}

const emptyStore = async (): Promise<Store> => await openStore(place());

async function put(store: Store, image: BuiltImage): Promise<void> {
  for (const bytes of image.blobs.values()) await store.blobs.put(bytes);
  for (const { descriptor, diffID } of image.layers) {
    await store.layers.ingest(descriptor.digest, diffID);
  }
  await store.refs.set(name, image.root);
}

/** A layout with the image under its name, and with `others` as a tool lists them. */
async function layoutOf(others: readonly Image[], entries: readonly Descriptor[]): Promise<string> {
  const folder = place();
  const blobs = new Map([web, ...others].flatMap((image) => [...image.blobs]));
  await writeLayout(folder, name, { ...web, blobs });
  const path = join(folder, 'index.json');
  const index = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...index, manifests: [...index.manifests, ...entries] }));
  return folder;
}

const containerdEntry = ({ root: { mediaType, digest, size } }: Image): Descriptor => ({
  ...{ mediaType, digest, size },
  annotations: { 'io.containerd.manifest.subject': web.root.digest },
});

/** Of blobs that are nowhere. */
const manyLike = (one: Descriptor, length: number): readonly Descriptor[] =>
  Array.from({ length }, (_, at) => {
    return { ...one, digest: parseDigest(`sha256:${String(at).padStart(64, '0')}`) };
  });

/** A store that has the image and what refers to it. */
async function signedStore(): Promise<Store> {
  const store = await emptyStore();
  await load(store, await layoutOf([signature, sbom], [signature, sbom].map(containerdEntry)));
  return store;
}

const manifestsIn = async (folder: string): Promise<readonly Descriptor[]> =>
  JSON.parse(await readFile(join(folder, 'index.json'), 'utf8')).manifests;

describe('save and load with referrers', () => {
  async function serve() {
    const peer = await startDockerRegistry();
    const served = peer ?? (await startRegistry({ images: {}, referrers: false }));
    closers.push(() => served.close());
    return served.host;
  }

  test.each(['oci', 'oci-archive'] as const)(
    'carry them from one registry to another through %s',
    async (format) => {
      const [near, far] = [await serve(), await serve()];
      const site = await emptyStore();
      await put(site, web);
      await push(site, `store:${name}`, `${near}/app:1`, { registry });
      for (const [at, { blobs, root: descriptor }] of [signature, sbom].entries()) {
        for (const bytes of blobs.values()) await site.blobs.put(bytes);
        await site.refs.set(`local/artifact:${at}`, descriptor);
        await push(site, `store:local/artifact:${at}`, `${near}/app:artifact-${at}`, { registry });
      }

      const here = await emptyStore();
      const pulled = await pullPlatforms(
        here,
        `${near}/app:1`,
        [{ os: 'linux', architecture: 'amd64' }],
        { registry },
      );
      await pullReferrersOf(here, `${near}/app:1`, pulled, { registry });
      const output = place();
      const saved = await save(here, [`${near}/app:1`], output, { format, referrers: true });
      expect(digestsOf(saved.referrers)).toEqual(wanted);

      const there = await emptyStore();
      const [loaded, ...others] = await load(there, output);
      expect(others).toEqual([]);
      expect(loaded).toMatchObject({ reference: `${near}/app:1`, digest: web.root.digest });
      expect(digestsOf(loaded?.referrers)).toEqual(wanted);
      const told = { registry, referrers: true };
      await push(there, `${near}/app:1`, `${far}/copy:1`, told);
      const [from, to] = [
        await listReferrers(`${near}/app:1`, { registry }),
        await listReferrers(`${far}/copy:1`, { registry }),
      ];
      expect(to.digest).toBe(from.digest);
      expect(to.referrers).toEqual(from.referrers);
      expect(digestsOf(to.referrers)).toEqual(wanted);
    },
  );

  test('change nothing when they are repeated', async () => {
    const store = await signedStore();
    const folder = `${place()}/`;
    await save(store, [name], folder, { referrers: true });
    const once = await manifestsIn(folder);
    await save(store, [name], folder, { referrers: true });
    expect(await manifestsIn(folder)).toEqual(once);
    const before = await store.refs.list();
    await load(store, folder);
    expect(await store.refs.list()).toEqual(before);
  });

  test('carry what refers to one platform of several', async () => {
    const store = await signedStore();
    for (const bytes of [...arm.blobs.values(), ...ofArm.blobs.values()]) {
      await store.blobs.put(bytes);
    }
    await store.refs.set(name, arm.root);
    const folder = `${place()}/`;
    await save(store, [name], folder, { referrers: true });
    const loaded = await load(await emptyStore(), folder);
    expect(loaded.map(({ referrers }) => digestsOf(referrers))).toEqual([wanted, []]);
    const narrow = { referrers: true, platform: 'linux/arm64' };
    expect((await save(store, [name], place(), narrow)).referrers).toEqual([]);
  });
});

describe('save', () => {
  test('lists referrers without names and leaves the one image the only one', async () => {
    const folder = `${place()}/`;
    await save(await signedStore(), [name], folder, { referrers: true });
    const [image, ...others] = await manifestsIn(folder);
    expect(image?.digest).toBe(web.root.digest);
    expect(others.map(({ annotations }) => annotations)).toEqual(
      others.map(() => ({ 'io.containerd.manifest.subject': web.root.digest })),
    );
    const archive = place();
    const saved = await save(await emptyStore(), [`oci:${folder}`], archive);
    expect(saved.images[0]?.digest).toBe(web.root.digest);
  });

  test('takes the one image of a layout beside a list of what refers to it', async () => {
    const { mediaType, digest, size } = list.root;
    const annotations = { 'org.opencontainers.image.ref.name': tag };
    const entry = { mediaType, digest, size, annotations };
    const folder = await layoutOf([signature, sbom, list], [entry]);
    const saved = await save(await emptyStore(), [`oci:${folder}`], place());
    expect(saved.images[0]?.digest).toBe(web.root.digest);
  });

  test('leaves them behind unless it is told to take them', async () => {
    const folder = `${place()}/`;
    expect(await save(await signedStore(), [name], folder)).not.toHaveProperty('referrers');
    expect(await manifestsIn(folder)).toHaveLength(1);
  });

  test.each([
    ['a docker-archive', name, { format: 'docker-archive' }, '--format oci-archive'],
    ['no name in the store', 'oci:./layout', {}, 'osv-convert load ./layout'],
    [
      'a name in a registry',
      'docker://registry.example/web:1',
      {},
      'osv-convert pull --referrers registry.example/web:1',
    ],
  ] as const)('fails with USAGE when referrers are wanted of %s', async (_, from, format, hint) => {
    const options = { ...format, referrers: true };
    await expect(save(await signedStore(), [from], place(), options)).rejects.toMatchObject({
      code: 'USAGE',
      hint,
    });
  });
});

describe('load', () => {
  const bare = ({ root: { mediaType, digest, size } }: Image): Descriptor => {
    return { mediaType, digest, size };
  };
  test.each<[string, readonly Image[], readonly Descriptor[]]>([
    ['as containerd lists them', [], [signature, sbom].map(containerdEntry)],
    ['as oras lists them', [], [bare(signature), sbom.root]],
    [
      'under the tag of the tag schema',
      [list],
      [{ ...bare(list), annotations: { 'org.opencontainers.image.ref.name': tag } }],
    ],
  ])('brings what refers to the image, %s', async (_, more, entries) => {
    const folder = await layoutOf([signature, sbom, ...more], entries);
    const store = await emptyStore();
    const loaded = await load(store, folder);
    expect(loaded.map(({ reference }) => reference)).toEqual([name]);
    expect(loaded[0]?.referrers).toEqual([signature.root, sbom.root]);
    const names = (await store.refs.list()).map((ref) => ref.name);
    expect(names).toEqual([name, referrersName(parseReference(name), web.root.digest)].sort());
    for (const [digest, bytes] of [...signature.blobs, ...sbom.blobs]) {
      expect(await store.blobs.size(digest)).toBe(bytes.length);
    }
  });

  test('adds to what the store knows of already', async () => {
    const store = await emptyStore();
    for (const one of [signature, sbom]) {
      await load(store, await layoutOf([one], [containerdEntry(one)]));
    }
    const saved = await save(store, [name], place(), { referrers: true });
    expect(digestsOf(saved.referrers)).toEqual(wanted);
  });

  test('fails with MANIFEST_INVALID, and names nothing, when they become too many', async () => {
    const store = await emptyStore();
    const known = manyLike(sbom.root, 1000);
    await recordReferrers(store, parseReference(name), web.root.digest, known);
    const folder = await layoutOf([signature], [containerdEntry(signature)]);
    await expect(load(store, folder)).rejects.toMatchObject({
      code: 'MANIFEST_INVALID',
      message: expect.stringContaining('found 1001, wanted at most 1000'),
    });
    expect(await store.refs.get(name)).toBeUndefined();
  });

  test('leaves what refers to no image of the file alone', async () => {
    const store = await emptyStore();
    const [loaded] = await load(store, await layoutOf([ofArm], [containerdEntry(ofArm)]));
    expect(loaded).not.toHaveProperty('referrers');
    expect((await store.refs.list()).map((ref) => ref.name)).toEqual([name]);
    expect(await store.blobs.size(ofArm.root.digest)).toBeUndefined();
  });

  test('takes an image that refers to another for an image', async () => {
    const manifest = JSON.parse(Buffer.from(arm.blobs.get(arm.root.digest) ?? []).toString());
    const bytes = Buffer.from(JSON.stringify({ ...manifest, subject: bare(web) }));
    const store = await emptyStore();
    const digest = await store.blobs.put(bytes);
    const derived = { mediaType: mediaTypes.oci.manifest, digest, size: bytes.length };
    const image = { root: derived, blobs: new Map([...arm.blobs, [digest, bytes] as const]) };
    const loaded = await load(store, await layoutOf([image], [derived]));
    expect(digestsOf(loaded)).toEqual([web.root.digest, digest].sort());
  });

  test('leaves out with a warning what the file has only in part', async () => {
    const [, [blob] = never()] = [...sbom.blobs];
    const folder = await layoutOf([signature, sbom], [signature, sbom].map(containerdEntry));
    await rm(join(folder, 'blobs/sha256', hexOf(blob)));
    const warnings: string[] = [];
    const [loaded] = await load(await emptyStore(), folder, {
      onEvent: (event) => event.event === 'warning' && warnings.push(event.text),
    });
    expect(loaded?.referrers).toEqual([signature.root]);
    expect(warnings).toEqual([expect.stringContaining(`the file has no blob ${blob}`)]);
  });

  test('fails and names nothing when a referrer is damaged', async () => {
    const [, [blob, bytes] = never()] = [...sbom.blobs];
    const folder = await layoutOf([signature, sbom], [signature, sbom].map(containerdEntry));
    await writeFile(join(folder, 'blobs/sha256', hexOf(blob)), Buffer.alloc(bytes.length));
    const store = await emptyStore();
    await expect(load(store, folder)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(await store.refs.list()).toEqual([]);
  });

  test('fails with MANIFEST_INVALID when more refers to things than anyone has', async () => {
    const many = manyLike(containerdEntry(sbom), 4096);
    await expect(load(await emptyStore(), await layoutOf([], many.slice(1)))).resolves.toHaveLength(
      1,
    );
    const folder = await layoutOf(
      [list],
      [
        { ...bare(list), annotations: { 'org.opencontainers.image.ref.name': tag } },
        ...many.slice(2),
      ],
    );
    await expect(load(await emptyStore(), folder)).rejects.toMatchObject({
      code: 'MANIFEST_INVALID',
      message: expect.stringContaining('more than 4096 manifests'),
    });
  });
});

function never(): never {
  throw new Error('an artifact has two blobs besides its manifest');
}

if (findProgram('docker-registry') === undefined) {
  test.skip('docker-registry takes part (left out: it is not installed)', () => {});
}
