import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { pullReferrers } from '../../../src/copy/pull-referrers.ts';
import { push } from '../../../src/copy/push.ts';
import { listReferrers } from '../../../src/copy/referrers.ts';
import { referrersName } from '../../../src/copy/stored-referrers.ts';
import { parseReference } from '../../../src/oci/reference.ts';
import { referrersTag } from '../../../src/oci/referrers-tag.ts';
import { createRegistryApi } from '../../../src/source/registry/api.ts';
import { listTags } from '../../../src/source/registry/tags.ts';
import { type Descriptor, openStore, type Store } from '../../../store/index.ts';
import { buildArtifact } from '../../support/artifact.ts';
import { jsonBytes } from '../../support/descriptor.ts';
import { findProgram, startDockerRegistry } from '../../support/docker-registry.ts';
import { buildImage, buildIndex, type Image } from '../../support/image.ts';
import { instantPace } from '../../support/pace.ts';
import type { Fault, Flaw } from '../../support/registry/faults.ts';
import {
  type Registry,
  type RegistryOptions as Serving,
  startRegistry,
} from '../../support/registry/registry.ts';

const image = buildImage({ layers: [Buffer.alloc(10_240)] });
const signatureType = 'application/vnd.test.signature';
const sbomType = 'application/vnd.test.sbom';

const artifact = (artifactType: string, content: string, subject?: Descriptor): Image =>
  buildArtifact({ artifactType, content, ...(subject && { subject }) });

const { platform: _platform, ...subject } = image.root;
const signatures = ['one', 'two', 'three'].map((text) => artifact(signatureType, text, subject));
const sbom = artifact(sbomType, 'all of it', subject);
const referrers = [...signatures, sbom];
const digests = (all: readonly Image[]) => all.map(({ root }) => root.digest).sort();

/** The image with its referrers, and the list of them under the tag of the tag schema, if wanted. */
function imagesOf(list?: Image): Readonly<Record<string, Image>> {
  const named = referrers.map((each, at) => [`acme/app:referrer-${at}`, each] as const);
  return {
    'acme/app:1': image,
    ...Object.fromEntries(named),
    ...(list && { [`acme/app:${referrersTag(image.root.digest)}`]: list }),
  };
}

let folder = '';
let stores = 0;
const closers: (() => Promise<void>)[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'referrers-test-'));
});
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function serve(options: Partial<Serving> = {}): Promise<Registry> {
  const registry = await startRegistry({ images: imagesOf(), ...options });
  closers.push(() => registry.close());
  return registry;
}

function newStore() {
  stores += 1;
  return openStore(join(folder, `store-${stores}`));
}

const reach = () => ({ pace: instantPace() });
const failure = (code: string, text = '') =>
  expect.objectContaining({ code, message: expect.stringContaining(text) });
const always = (on: Fault['on'], flaw: Flaw): Partial<Serving> => ({ faults: [{ on, flaw }] });

describe('listReferrers', () => {
  const list = async (registry: Registry, artifactType?: string) =>
    await listReferrers(`${registry.host}/acme/app:1`, {
      registry: reach(),
      ...(artifactType !== undefined && { artifactType }),
    });

  test('follows the pages of the referrers API', async () => {
    const registry = await serve({ pageSize: 3 });
    const listed = await list(registry);
    expect(listed).toMatchObject({
      reference: `${registry.host}/acme/app:1`,
      digest: image.root.digest,
    });
    expect(listed.referrers.map(({ digest }) => digest).sort()).toEqual(digests(referrers));
    const pages = registry.requests.filter(({ path }) => path.includes('/referrers/'));
    expect(pages).toHaveLength(2);
  });

  test('reads the tag schema where the registry knows no referrers API', async () => {
    const registry = await serve({ referrers: false, images: imagesOf(buildIndex(referrers)) });
    const { referrers: listed } = await list(registry);
    expect(listed.map(({ digest }) => digest).sort()).toEqual(digests(referrers));
  });

  test('reads the tag schema where the registry answers with a page for people', async () => {
    const registry = await serve({
      images: imagesOf(buildIndex(referrers)),
      ...always('referrers', {
        kind: 'status',
        status: 200,
        headers: { 'content-type': 'text/html' },
        body: '<h1>Welcome</h1>',
      }),
    });
    expect((await list(registry)).referrers).toHaveLength(4);
  });

  test.each([true, false])('finds none when there are none, API %s', async (api) => {
    const registry = await serve({ images: { 'acme/app:1': image }, referrers: api });
    expect((await list(registry)).referrers).toEqual([]);
  });

  test.each([true, false])('keeps to one artifact type, API %s', async (api) => {
    const images = imagesOf(buildIndex(referrers));
    const registry = await serve({ images, referrers: api });
    const { referrers: listed } = await list(registry, sbomType);
    expect(listed.map(({ digest }) => digest)).toEqual([sbom.root.digest]);
  });

  test('fails with MANIFEST_INVALID when the list is none', async () => {
    const registry = await serve(always('referrers', { kind: 'body', body: '{"manifests":7}' }));
    await expect(list(registry)).rejects.toThrowError(failure('MANIFEST_INVALID'));
  });

  test('follows no link to another host', async () => {
    const link = '<http://127.0.0.2:9/v2/acme/app/referrers/x>; rel="next"';
    const registry = await serve(always('referrers', { kind: 'headers', headers: { link } }));
    await expect(list(registry)).rejects.toThrowError(
      failure('REGISTRY_PROTOCOL', 'found the next page at 127.0.0.2:9'),
    );
  });
});

describe('push', () => {
  const found = async ({ host }: { readonly host: string }) =>
    (await listReferrers(`${host}/acme/app:1`, { registry: reach() })).referrers;

  test('adds what it pushes to the list under the tag when the registry keeps none', async () => {
    const registry = await serve({ images: { 'acme/app:1': image }, referrers: false });
    const store = await newStore();
    for (const [at, { blobs, root }] of [sbom, ...signatures, sbom].entries()) {
      for (const bytes of blobs.values()) await store.blobs.put(bytes);
      await store.refs.set(`local/artifact:${at}`, root);
      const target = `${registry.host}/acme/app:artifact-${at}`;
      await push(store, `store:local/artifact:${at}`, target, { registry: reach() });
    }
    expect(await found(registry)).toEqual([sbom.root, ...signatures.map(({ root }) => root)]);
  });

  test('leaves the list to the registry when it keeps one', async () => {
    const registry = await serve({ images: { 'acme/app:1': image } });
    const store = await newStore();
    for (const bytes of sbom.blobs.values()) await store.blobs.put(bytes);
    await store.refs.set('local/sbom', sbom.root);
    await push(store, 'store:local/sbom', `${registry.host}/acme/app:sbom`, { registry: reach() });
    expect(await found(registry)).toEqual([sbom.root]);
    expect(registry.requests.filter(({ path }) => path.includes('sha256-'))).toEqual([]);
  });

  test.skipIf(findProgram('docker-registry') === undefined)(
    'carries referrers from one registry to docker-registry, which keeps no list',
    async () => {
      const registry = await serve();
      const peer = await startDockerRegistry();
      if (peer === undefined) throw new Error('docker-registry is not installed');
      closers.push(() => peer.close());
      const store = await newStore();
      const from = parseReference(`${registry.host}/acme/app:1`);
      await pullReferrers(store, from, image.root.digest, { registry: reach() });
      await push(store, `docker://${registry.host}/acme/app:1`, `${peer.host}/acme/app:1`);
      const list = referrersName(from, image.root.digest);
      await push(store, list, `${peer.host}/acme/app:${referrersTag(image.root.digest)}`);
      expect((await found(peer)).map(({ digest }) => digest).sort()).toEqual(digests(referrers));
    },
  );
});

describe('push with its referrers', () => {
  const name = 'local/app:1';
  const list = async ({ host }: { readonly host: string }, tag = '1') =>
    (await listReferrers(`${host}/team/app:${tag}`, { registry: reach() })).referrers;

  /** A store that has pulled the image and what refers to it, under a name of its own. */
  async function storeWithReferrers(): Promise<Store> {
    const registry = await serve();
    const store = await newStore();
    const reference = parseReference(`${registry.host}/acme/app:1`);
    await pullReferrers(store, reference, image.root.digest, { registry: reach() });
    for (const bytes of image.blobs.values()) await store.blobs.put(bytes);
    await store.refs.set(name, image.root);
    return store;
  }

  const pushAll = (store: Store, { host }: { readonly host: string }, from = `store:${name}`) =>
    push(store, from, `${host}/team/app:1`, { registry: reach(), referrers: true });

  test.each([true, false])(
    'carries what refers to the image, whatever it is called, API %s',
    async (api) => {
      const store = await storeWithReferrers();
      const registry = await serve({ images: {}, referrers: api });
      const pushed = await pushAll(store, registry);
      expect(pushed.referrers?.map(({ digest }) => digest).sort()).toEqual(digests(referrers));
      expect((await list(registry)).map(({ digest }) => digest).sort()).toEqual(digests(referrers));
      const again = await pushAll(store, registry);
      expect(again).toMatchObject({ blobs: { mounted: 0, uploaded: 0 }, uploaded: 0 });
      expect(await list(registry)).toHaveLength(referrers.length);
    },
  );

  test('carries what refers to one platform of several', async () => {
    const store = await storeWithReferrers();
    const arm = buildImage({ layers: [Buffer.alloc(512)], architecture: 'arm64' });
    for (const bytes of arm.blobs.values()) await store.blobs.put(bytes);
    await store.refs.set(name, arm.root);
    const registry = await serve({ images: {} });
    const pushed = await pushAll(store, registry);
    expect(pushed.digest).not.toBe(image.root.digest);
    expect(await list(registry)).toEqual([]);
    const one = await listReferrers(`${registry.host}/team/app@${image.root.digest}`, {
      registry: reach(),
    });
    expect(one.referrers).toHaveLength(referrers.length);
  });

  test('names none when the store has none, and pushes none unless it is told to', async () => {
    const store = await storeWithReferrers();
    const registry = await serve({ images: {} });
    const target = `${registry.host}/team/app:1`;
    const pushed = await push(store, `store:${name}`, target, { registry: reach() });
    expect(pushed).not.toHaveProperty('referrers');
    expect(await list(registry)).toEqual([]);
    await store.refs.set('local/sbom', sbom.root);
    expect((await pushAll(store, registry, 'store:local/sbom')).referrers).toEqual([]);
  });

  test('fails with USAGE when the image is not one of the store', async () => {
    const store = await storeWithReferrers();
    const registry = await serve();
    await expect(
      pushAll(store, registry, `docker://${registry.host}/acme/app:1`),
    ).rejects.toThrowError(failure('USAGE', `${registry.host}/acme/app:1`));
    expect(registry.requests).toEqual([]);
  });
});

describe('pullReferrers', () => {
  test('brings all of them into the store, from where they can be pushed', async () => {
    const registry = await serve();
    const store = await newStore();
    const reference = parseReference(`${registry.host}/acme/app:1`);
    const taken = await pullReferrers(store, reference, image.root.digest, { registry: reach() });
    expect(taken.map(({ digest }) => digest).sort()).toEqual(digests(referrers));
    for (const { blobs } of referrers) {
      for (const [digest, bytes] of blobs)
        expect(await store.blobs.size(digest)).toBe(bytes.length);
    }

    const name = referrersName(reference, image.root.digest);
    expect(name).toBe(`${registry.host}/acme/app:sha256-${image.root.digest.slice(7)}`);
    const other = await serve({ images: { 'team/app:1': image } });
    const target = `${other.host}/team/app:${referrersTag(image.root.digest)}`;
    await push(store, name, target, { registry: reach() });
    const carried = await listReferrers(`${other.host}/team/app:1`, { registry: reach() });
    expect(carried.referrers.map(({ digest }) => digest).sort()).toEqual(digests(referrers));
  });

  test('records nothing when there are none', async () => {
    const registry = await serve({ images: { 'acme/app:1': image } });
    const store = await newStore();
    const reference = parseReference(`${registry.host}/acme/app:1`);
    expect(await pullReferrers(store, reference, image.root.digest)).toEqual([]);
    expect(await store.refs.list()).toEqual([]);
  });

  test('leaves out with a warning what refers to something else', async () => {
    const stranger = artifact(signatureType, 'strange', { ...subject, digest: sbom.root.digest });
    const silent = artifact(signatureType, 'silent');
    const liars = buildIndex([stranger, silent, sbom, image, buildIndex([sbom])]);
    const images = { ...imagesOf(liars), 'acme/app:a': stranger, 'acme/app:b': silent };
    const registry = await serve({ images, referrers: false });
    const store = await newStore();
    const reference = parseReference(`${registry.host}/acme/app:1`);
    const warnings: string[] = [];
    const taken = await pullReferrers(store, reference, image.root.digest, {
      onEvent: (event) => event.event === 'warning' && warnings.push(event.text),
    });
    expect(taken.map(({ digest }) => digest)).toEqual([sbom.root.digest]);
    expect(warnings).toHaveLength(4);
    expect(warnings[0]).toContain(`refers to ${sbom.root.digest}`);
  });

  test('fails with REGISTRY_PROTOCOL when there are more than anyone has', async () => {
    const manifests = Array.from({ length: 1001 }, (_, at) => ({
      ...sbom.root,
      digest: `sha256:${String(at).padStart(64, '0')}`,
    }));
    const body = jsonBytes({ schemaVersion: 2, manifests });
    const registry = await serve(always('referrers', { kind: 'body', body }));
    const reference = parseReference(`${registry.host}/acme/app:1`);
    await expect(
      pullReferrers(await newStore(), reference, image.root.digest),
    ).rejects.toThrowError(failure('REGISTRY_PROTOCOL', 'found 1001, wanted at most 1000'));
  });

  test('fails with DIGEST_MISMATCH when a blob is another', async () => {
    const registry = await serve(always('blob', { kind: 'corrupt' }));
    const store = await newStore();
    const reference = parseReference(`${registry.host}/acme/app:1`);
    await expect(
      pullReferrers(store, reference, image.root.digest, { registry: reach() }),
    ).rejects.toThrowError(failure('DIGEST_MISMATCH'));
    expect(await store.refs.list()).toEqual([]);
  });
});

describe('listTags', () => {
  const names = Array.from({ length: 25 }, (_, at) => `v${String(at).padStart(2, '0')}`);
  const images = Object.fromEntries(names.map((tag) => [`acme/app:${tag}`, image]));
  const apiOf = ({ host }: Registry, repository = 'acme/app') =>
    createRegistryApi({ registry: host, repository }, reach());

  test('gives all tags of all pages in the order of the registry', async () => {
    const registry = await serve({ images, pageSize: 10 });
    expect(await listTags(apiOf(registry))).toEqual(names);
    expect(registry.requests).toHaveLength(3);
  });

  test('begins after `last` and ends at the limit', async () => {
    const registry = await serve({ images, pageSize: 10 });
    expect(await listTags(apiOf(registry), { last: 'v03', limit: 12 })).toEqual(names.slice(4, 16));
    expect(registry.requests[0]?.path).toBe('/v2/acme/app/tags/list?n=12&last=v03');
  });

  test('finds none when the registry says null', async () => {
    const registry = await serve(always('tags', { kind: 'body', body: '{"tags":null}' }));
    expect(await listTags(apiOf(registry))).toEqual([]);
  });

  test.each<[string, string, Flaw]>([
    ['the answer is no JSON', 'found no JSON', { kind: 'body', body: '<html>' }],
    ['a tag is none', 'at /tags/0', { kind: 'body', body: '{"tags":["a b\\u001b"]}' }],
    [
      'the list has no end',
      'more than 1000 pages',
      { kind: 'headers', headers: { link: '</v2/acme/app/tags/list?n=1>; rel=next' } },
    ],
    [
      'the next page is elsewhere',
      'next page at evil.example',
      { kind: 'headers', headers: { link: '<https://evil.example/>; rel="next"' } },
    ],
    ['a page is too large', 'more than', { kind: 'body', body: ' '.repeat(5_000_000) }],
  ])('fails with REGISTRY_PROTOCOL when %s', async (_what, text, flaw) => {
    const registry = await serve({ images: { 'acme/app:1': image }, ...always('tags', flaw) });
    await expect(listTags(apiOf(registry))).rejects.toThrowError(
      failure('REGISTRY_PROTOCOL', text),
    );
  });

  test('fails with REGISTRY_PROTOCOL when the pages are too large together', async () => {
    const link = '</v2/acme/app/tags/list?n=2>; rel="next"';
    const registry = await serve({
      images: { 'acme/app:1': image },
      faults: [
        { on: 'tags', flaw: { kind: 'headers', headers: { link } } },
        { on: 'tags', flaw: { kind: 'body', body: `{"tags":[]}${' '.repeat(4_000_000)}` } },
      ],
    });
    await expect(listTags(apiOf(registry))).rejects.toThrowError(
      failure('REGISTRY_PROTOCOL', 'bytes'),
    );
    expect(registry.requests).toHaveLength(17);
  });

  test('fails with IMAGE_NOT_FOUND when there is no such repository', async () => {
    const registry = await serve();
    await expect(listTags(apiOf(registry, 'acme/none'))).rejects.toThrowError(
      failure('IMAGE_NOT_FOUND', 'NAME_UNKNOWN'),
    );
  });
});
