import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { save } from '../../../src/copy/save.ts';
import { obtain, type PullOptions, pull } from '../../../src/pull/pull.ts';
import { createMemoryFiles } from '../../../store/files/memory.ts';
import type { Store } from '../../../store/index.ts';
import { archiveOf, ociMembers } from '../../support/archives.ts';
import { createAuthority } from '../../support/certificate.ts';
import { buildImage, type Image } from '../../support/image.ts';
import { type BuiltLayer, buildLayer, file } from '../../support/layers.ts';
import { readLayout, writeLayout } from '../../support/layout.ts';
import { instantPace } from '../../support/pace.ts';
import type { Fault } from '../../support/registry/faults.ts';
import type { Registry } from '../../support/registry/registry.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { at, closers, emptyStore, listing, start } from './layer-places.ts';

const folder = temporaryFolder('layers');

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
