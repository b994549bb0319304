import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { save } from '../../../src/copy/save.ts';
import type { ConvertEvent } from '../../../src/event.ts';
import { obtain, type PullOptions, pull } from '../../../src/pull/pull.ts';
import { flatten } from '../../../src/tree/flatten.ts';
import { createMemoryFiles } from '../../../store/files/memory.ts';
import { digestOf, openStore, type Store } from '../../../store/index.ts';
import { archiveOf, ociMembers } from '../../support/archives.ts';
import { createAuthority } from '../../support/certificate.ts';
import { descriptorOf, jsonBytes, mediaTypes } from '../../support/descriptor.ts';
import { type BuiltImage, buildImage, type Image } from '../../support/image.ts';
import {
  type BuiltLayer,
  buildLayer,
  file,
  type LayerItem,
  layerTar,
} from '../../support/layers.ts';
import { readLayout, writeLayout } from '../../support/layout.ts';
import { listTree } from '../../support/list-tree.ts';
import { instantPace } from '../../support/pace.ts';
import type { Fault } from '../../support/registry/faults.ts';
import {
  type Registry,
  type RegistryOptions,
  startRegistry,
} from '../../support/registry/registry.ts';

let folder = '';
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-layers-'));
});

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** In memory: flushing hundreds of layers to a disk would take half a minute. */
async function emptyStore(files = createMemoryFiles()): Promise<Store> {
  return await openStore('/store', { files });
}

async function start(options: RegistryOptions): Promise<Registry> {
  const registry = await startRegistry(options);
  closers.push(() => registry.close());
  return registry;
}

/** Pulls at a pace at which nothing takes time. */
const at = (options: PullOptions = {}): PullOptions => ({
  ...options,
  registry: { pace: instantPace(), ...options.registry },
});

async function listing(store: Store, { layers }: BuiltImage): Promise<string> {
  const indexes = [];
  for (const { diffID } of layers) {
    const layer = await store.layers.open(diffID);
    indexes.push(layer.index);
    layer.close();
  }
  return listTree(flatten(indexes));
}

describe('pull of a layer that has URLs', () => {
  const docker = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
  /** Nothing makes it shorter. */
  const noise = createHash('shake256', { outputLength: 200_000 }).digest();
  const built = buildLayer([file('owned', noise)]);
  const { digest, size } = built.descriptor;
  const path = `/v2/files/blobs/${digest}`;

  const foreign = (urls: readonly string[], mediaType = docker): BuiltLayer => ({
    ...built,
    descriptor: { ...built.descriptor, mediaType, urls },
  });
  const imageWith = (urls: readonly string[], os = 'linux') =>
    buildImage({ layers: [[file('base', 'free')], foreign(urls)], os });
  const without = (image: Image): Image => ({
    ...image,
    blobs: new Map([...image.blobs].filter(([each]) => each !== digest)),
  });

  /** A host that has the bytes of the layer. */
  const owner = (faults: readonly Fault[] = []) =>
    start({ images: { 'files:1': imageWith([]) }, faults });
  const urlOn = ({ host }: Registry): string => `http://${host}${path}?token=s3cret`;
  const blobRequests = ({ requests }: Registry) =>
    requests.filter((request) => request.path.includes(digest));

  /** Pulls an image whose layer is nowhere but at these URLs. */
  async function pullFrom(urls: readonly string[], options: PullOptions = {}): Promise<Store> {
    const registry = await start({ images: { 'app:1': without(imageWith(urls)) } });
    const store = await emptyStore();
    await pull(store, `${registry.host}/app:1`, at(options));
    return store;
  }

  it('takes it from the registry when that has it', async () => {
    const host = await owner();
    const image = imageWith([urlOn(host)]);
    const registry = await start({ images: { 'app:1': image } });
    const store = await emptyStore();
    await pull(store, `${registry.host}/app:1`, at());
    expect(host.requests).toEqual([]);
    expect(await listing(store, image)).toContain('/owned');
  });

  it('takes it from the URL when the registry has it not, without the credentials it has', async () => {
    const host = await owner();
    const image = imageWith([urlOn(host)]);
    const registry = await start({
      images: { 'app:1': without(image) },
      auth: { service: 'test' },
    });
    const store = await emptyStore();
    const mine = { kind: 'basic', username: 'me', password: 'x', origin: 'a test' } as const;
    const credentials = { find: async () => mine };
    await pull(store, `${registry.host}/app:1`, at({ registry: { credentials } }));
    expect(blobRequests(registry)[0]?.headers.authorization).toMatch(/^Bearer /);
    expect(host.requests.map(({ path }) => path)).toEqual([`${path}?token=s3cret`]);
    expect(host.requests[0]?.headers.authorization).toBeUndefined();
    expect(await listing(store, image)).toContain('/owned');
  });

  it('asks mirrors by digest, and the URL once after all of them', async () => {
    const host = await owner();
    const image = without(imageWith([urlOn(host)]));
    const mirror = await start({ images: { 'app:1': image } });
    const registry = await start({ images: { 'app:1': image } });
    const mirrors = { [registry.host]: [{ location: mirror.host }] };
    await pull(await emptyStore(), `${registry.host}/app:1`, at({ config: { mirrors } }));
    expect([mirror, registry, host].map((each) => blobRequests(each).length)).toEqual([1, 1, 1]);
  });

  it('goes on at the byte where it broke off, at the same URL and at the next', async () => {
    const first = await owner([
      { on: 'blob', times: 1, flaw: { kind: 'drop', after: 50_000 } },
      { on: 'blob', skip: 1, flaw: { kind: 'status', status: 410 } },
    ]);
    const second = await owner();
    const store = await pullFrom([urlOn(first), urlOn(second)]);
    const ranges = [first, second].map((host) => host.requests.map(({ headers }) => headers.range));
    expect(ranges).toEqual([[undefined, 'bytes=50000-'], ['bytes=50000-']]);
    expect(await store.blobs.size(digest)).toBe(size);
  });

  it('goes on at the byte where an earlier pull broke off', async () => {
    const broken = await owner([{ on: 'blob', times: 3, flaw: { kind: 'drop', after: 50_000 } }]);
    const registry = await start({ images: { 'app:1': without(imageWith([urlOn(broken)])) } });
    const store = await emptyStore();
    const reference = `${registry.host}/app:1`;
    await expect(pull(store, reference, at())).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
    });
    await pull(store, reference, at());
    expect(broken.requests.map(({ headers }) => headers.range)).toEqual([
      undefined,
      'bytes=50000-',
      'bytes=100000-',
      'bytes=150000-',
    ]);
  });

  it('follows where a URL leads', async () => {
    const host = await owner();
    const flaw = { kind: 'redirect', location: urlOn(host) } as const;
    const redirecting = await owner([{ on: 'blob', flaw }]);
    const store = await pullFrom([urlOn(redirecting)]);
    expect(await store.blobs.size(digest)).toBe(size);
  });

  it.each([
    ['other bytes', { kind: 'corrupt' }, 'DIGEST_MISMATCH'],
    ['too many bytes', { kind: 'body', body: Buffer.alloc(300_000) }, 'SIZE_MISMATCH'],
    ['too few bytes', { kind: 'body', body: Buffer.alloc(300) }, 'SIZE_MISMATCH'],
    ['nothing', { kind: 'status', status: 404 }, 'IMAGE_NOT_FOUND'],
    [
      'a redirect to a file',
      { kind: 'redirect', location: 'file:///etc/passwd' },
      'REGISTRY_PROTOCOL',
    ],
  ] as const)('refuses what a URL gives when that is %s', async (_, flaw, code) => {
    const host = await owner([{ on: 'blob', flaw }]);
    await expect(pullFrom([urlOn(host)])).rejects.toMatchObject({
      code,
      message: expect.not.stringContaining('s3cret'),
    });
  });

  it.each([
    ['a file', ['file:///etc/passwd'], 'found a URL of file:'],
    ['another protocol', ['ftp://example.com/layer'], 'found a URL of ftp:'],
    ['no URL', ['layer?token=s3cret'], 'found a URL that is none'],
    ['credentials', ['https://me:s3cret@example.com/layer'], 'with a user or a password'],
    ['plain HTTP', ['http://example.com/layer?token=s3cret'], 'found a URL of plain HTTP'],
    ['too long', [`https://example.com/${'s3cret'.repeat(1000)}`], 'wanted at most 4096'],
    ['too many', Array(1000).fill('https://example.com/s3cret'), 'found 1000 URLs, wanted at most'],
  ])('asks nobody when a URL is %s, and shows no secret of it', async (_, urls, text) => {
    await expect(pullFrom(urls)).rejects.toMatchObject({
      code: 'MANIFEST_INVALID',
      message: expect.stringMatching(`^fetching ${digest} of .* \\(404.*${text}`),
    });
    await expect(pullFrom(urls)).rejects.not.toThrow('s3cret');
  });

  it('passes over a URL that it refuses when another is good', async () => {
    const host = await owner();
    const store = await pullFrom(['file:///etc/passwd', urlOn(host)]);
    expect(await store.blobs.size(digest)).toBe(size);
  });

  it('wants HTTPS even of this machine when plain HTTP is forbidden', async () => {
    const host = await owner();
    const dir = join(folder, 'strict');
    await writeLayout(dir, '1', without(imageWith([urlOn(host)])));
    const pulled = pull(await emptyStore(), `oci:${dir}`, at({ registry: { plainHttp: false } }));
    await expect(pulled).rejects.toThrow('found a URL of plain HTTP');
    expect(host.requests).toEqual([]);
  });

  it('shows the host of a URL no certificate of the user', async () => {
    const authority = createAuthority();
    const shown: string[] = [];
    const options = {
      ...{ ...authority.issue(), ca: authority.cert },
      ...{ requestCert: true, rejectUnauthorized: false },
    };
    const server = createServer(options, ({ socket }, response) => {
      shown.push(...Object.keys((socket as TLSSocket).getPeerCertificate()));
      response.end(built.blob);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    closers.push(async () => {
      server.closeAllConnections();
      await once(server.close(), 'close');
    });
    const certDir = join(folder, 'certificates');
    await mkdir(certDir);
    const mine = authority.issue('me');
    await writeFile(join(certDir, 'ca.crt'), authority.cert);
    await writeFile(join(certDir, 'client.cert'), mine.cert);
    await writeFile(join(certDir, 'client.key'), mine.key);
    const address = server.address();
    const port = address instanceof Object ? address.port : 0;
    const dir = join(folder, 'secure');
    await writeLayout(dir, '1', without(imageWith([`https://127.0.0.1:${port}/layer`])));
    const store = await emptyStore();
    await pull(store, `oci:${dir}`, at({ registry: { tls: { certDir } } }));
    expect(await store.blobs.size(digest)).toBe(size);
    expect(shown).toEqual([]);
  });

  it('takes it from the URL when a layout or an archive has it not', async () => {
    const host = await owner();
    const image = without(imageWith([urlOn(host)]));
    const [dir, archive] = [join(folder, 'layout'), join(folder, 'archive.tar')];
    await writeLayout(dir, '1', image);
    await writeFile(archive, archiveOf(ociMembers([[['1'], image]])));
    for (const location of [`oci:${dir}`, `oci-archive:${archive}`]) {
      const store = await emptyStore();
      await obtain(store, location, at());
      expect(await store.blobs.size(digest)).toBe(size);
    }
    expect(host.requests).toHaveLength(2);
  });

  it('names what is missing when it may not ask', async () => {
    const host = await owner();
    const dir = join(folder, 'offline');
    await writeLayout(dir, '1', without(imageWith([urlOn(host)])));
    const store = await emptyStore();
    await expect(obtain(store, `oci:${dir}`, at({ offline: true }))).rejects.toMatchObject({
      code: 'OFFLINE',
      message: expect.stringContaining(digest),
    });
    expect(host.requests).toEqual([]);
  });

  it('keeps its descriptor when the image is saved', async () => {
    const host = await owner();
    const image = imageWith([urlOn(host)]);
    const store = await emptyStore();
    const registry = await start({ images: { 'app:1': without(image) } });
    await pull(store, `${registry.host}/app:1`, at());
    const dir = join(folder, 'saved');
    await save(store, [`${registry.host}/app:1`], `${dir}/`);
    expect((await readLayout(dir)).blobs).toEqual(image.blobs);
  });

  it('is fetched for a save that finds the store without it, while the URL has it', async () => {
    const host = await start({ images: { 'files:1': imageWith([]) } });
    const image = imageWith([urlOn(host)]);
    const registry = await start({ images: { 'app:1': without(image) } });
    const files = createMemoryFiles();
    const store = await emptyStore(files);
    const name = `${registry.host}/app:1`;
    await pull(store, name, at());
    files.remove(`/store/blobs/${digest.replace(':', '/')}`);
    const dir = join(folder, 'found');
    await save(store, [name], `${dir}/`, { registry: { pace: instantPace() } });
    expect((await readLayout(dir)).blobs).toEqual(image.blobs);

    const strict = { registry: { pace: instantPace(), plainHttp: false } };
    await expect(save(store, [name], `${dir}-not/`, strict)).rejects.toMatchObject({
      code: 'BLOB_MISSING',
      digest,
    });
  });

  it('refuses a Windows image for its platform', async () => {
    const registry = await start({ images: { 'app:1': imageWith([], 'windows') } });
    const pulled = pull(await emptyStore(), `${registry.host}/app:1`, at());
    await expect(pulled).rejects.toMatchObject({
      code: 'IMAGE_UNSUPPORTED',
      message: expect.stringContaining('OSv runs Linux programs only'),
    });
  });
});

describe('pull of layers that hold nothing', () => {
  const zeros = new Uint8Array(1024);
  const nothing = new Uint8Array();
  /** What docker wrote for each instruction that changes no file, up to version 1.9. */
  const dockers = Buffer.from(
    '1f8b080000096e8800ff621805a360148c5800080000ffff2eafb5ef00040000',
    'hex',
  );

  it.each([
    ['1024 zeros', [buildLayer(zeros)]],
    ['1024 zeros, uncompressed', [buildLayer(zeros, { compression: 'none' })]],
    ['no bytes', [buildLayer(nothing)]],
    ['no bytes, uncompressed', [buildLayer(nothing, { compression: 'none' })]],
    ['no bytes in no gzip member', [buildLayer(nothing, { blob: nothing })]],
    ["docker's own, twice", [1, 2].map(() => buildLayer(zeros, { blob: dockers }))],
    [
      'all of these',
      [buildLayer(zeros), buildLayer(nothing), buildLayer(zeros, { blob: dockers })],
    ],
  ])('leaves the others as they are when they are %s', async (_, empty) => {
    const image = buildImage({ layers: [[file('a', 'below')], ...empty, [file('b', 'above')]] });
    const registry = await start({ images: { 'app:1': image } });
    const store = await emptyStore();
    await pull(store, `${registry.host}/app:1`, at());
    expect(await listing(store, image)).toBe('d 0755 0 /\n- 0644 5 /a\n- 0644 5 /b\n');
  });

  it("knows docker's by its digest", () => {
    expect(digestOf(dockers)).toBe(
      'sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4',
    );
  });

  it('counts no layer for what the history calls an empty one', async () => {
    const image = withHistory(buildImage({ layers: [[file('a', 'below')]] }), [
      { created_by: 'COPY a /' },
      { created_by: 'ENTRYPOINT ["/a"]', empty_layer: true },
      { created_by: 'USER app', empty_layer: true },
    ]);
    const registry = await start({ images: { 'app:1': image } });
    const store = await emptyStore();
    const { layers } = await pull(store, `${registry.host}/app:1`, at());
    expect(layers).toHaveLength(1);
  });

  it('takes an image without any layer', async () => {
    const image = buildImage({ layers: [] });
    const registry = await start({ images: { 'app:1': image } });
    const store = await emptyStore();
    await pull(store, `${registry.host}/app:1`, at());
    expect(await listing(store, image)).toBe('d 0755 0 /\n');
  });

  /** The same image with a history in its config. */
  function withHistory(image: BuiltImage, history: readonly unknown[]): Image {
    const config = JSON.parse(Buffer.from(image.blobs.get(image.config.digest) ?? []).toString());
    const manifest = JSON.parse(Buffer.from(image.blobs.get(image.root.digest) ?? []).toString());
    const configBytes = jsonBytes({ ...config, history });
    const named = descriptorOf(mediaTypes.oci.config, configBytes);
    const bytes = jsonBytes({ ...manifest, config: named });
    const root = descriptorOf(mediaTypes.oci.manifest, bytes);
    const blobs = [...image.blobs, [named.digest, configBytes], [root.digest, bytes]] as const;
    return { root, blobs: new Map(blobs) };
  }
});

describe('pull of many layers', () => {
  const layer = (at: number): readonly LayerItem[] => [file(`file-${at}`, `${at}`)];

  it.each([127, 500])('merges all of %i', async (count) => {
    const image = buildImage({ layers: Array.from({ length: count }, (_, at) => layer(at)) });
    const registry = await start({ images: { 'app:1': image } });
    const store = await emptyStore();
    const planned: number[] = [];
    const onEvent = (event: ConvertEvent) => {
      if (event.event === 'planned') planned.push(event.blobs.length);
    };
    await pull(store, `${registry.host}/app:1`, at({ onEvent }));
    expect(planned).toEqual([count]);
    expect((await listing(store, image)).split('\n')).toHaveLength(count + 2);
  });

  it('refuses more than 1000, before it fetches one', async () => {
    const same = buildLayer(layerTar(layer(0)));
    const image = buildImage({ layers: Array.from({ length: 1001 }, () => same) });
    const registry = await start({ images: { 'app:1': image } });
    await expect(pull(await emptyStore(), `${registry.host}/app:1`, at())).rejects.toMatchObject({
      code: 'MANIFEST_INVALID',
      message: expect.stringContaining('/layers: found an array of 1001'),
    });
    expect(registry.requests.filter(({ path }) => path.includes('/blobs/'))).toEqual([]);
  });
});
