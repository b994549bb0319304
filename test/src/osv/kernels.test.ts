import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fetchKernel } from '../../../src/osv/fetch-kernel.ts';
import { addKernel, findKernel, listKernels, removeKernel } from '../../../src/osv/kernels.ts';
import { digestOf, openStore, type Store } from '../../../store/index.ts';
import { fakeArmLoader, fakeKernelElf, fakeLoader } from './fake-kernel.ts';

let folder: string;
let store: Store;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-kernels-'));
  store = await openStore(join(folder, 'store'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const loader = { name: 'loader.img', bytes: fakeLoader() };
const elf = { name: 'loader-stripped.elf', bytes: fakeKernelElf() };
const version = 'v0.57.0-398-g0e34e4dc';

async function names(): Promise<string[]> {
  const kernels = await listKernels(store);
  return kernels.map(({ kernel, isDefault }) => `${kernel.name}${isDefault ? ' (default)' : ''}`);
}

describe('addKernel', () => {
  it('keeps both forms under the version, for findKernel to read back', async () => {
    const kernel = await addKernel(store, [loader, elf]);
    expect(kernel).toEqual({
      name: version,
      architecture: 'x86_64',
      version,
      symbols: 'hidden',
      tlsLimit: 552,
      loader: { digest: digestOf(loader.bytes), size: loader.bytes.length },
      elf: { digest: digestOf(elf.bytes), size: elf.bytes.length },
    });
    expect(await findKernel(store)).toEqual(kernel);
    expect(await findKernel(store, version)).toEqual(kernel);
    expect(Buffer.from(await store.blobs.read(digestOf(elf.bytes), 1 << 20))).toEqual(elf.bytes);
  });

  it('writes an OCI artifact that other tools can read', async () => {
    await addKernel(store, [loader, elf], { name: 'mine' });
    const index = JSON.parse(await readFile(join(store.path, 'index.json'), 'utf8'));
    expect(index.manifests).toEqual([
      expect.objectContaining({
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        artifactType: 'application/vnd.osv-convert.kernel.v1',
        annotations: { 'org.opencontainers.image.ref.name': 'kernel/mine' },
      }),
    ]);
    const manifest = await store.blobs.read(index.manifests[0].digest, 1 << 20);
    expect(JSON.parse(Buffer.from(manifest).toString())).toEqual({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      artifactType: 'application/vnd.osv-convert.kernel.v1',
      config: {
        mediaType: 'application/vnd.oci.empty.v1+json',
        digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
        size: 2,
      },
      layers: [
        {
          mediaType: 'application/vnd.osv-convert.kernel.loader.v1',
          digest: digestOf(loader.bytes),
          size: loader.bytes.length,
          annotations: { 'org.opencontainers.image.title': 'loader.img' },
        },
        {
          mediaType: 'application/vnd.osv-convert.kernel.elf.v1',
          digest: digestOf(elf.bytes),
          size: elf.bytes.length,
          annotations: { 'org.opencontainers.image.title': 'loader-stripped.elf' },
        },
      ],
      annotations: {
        'osv-convert.kernel.architecture': 'x86_64',
        'osv-convert.kernel.symbols': 'hidden',
        'osv-convert.kernel.version': version,
        'osv-convert.kernel.tls-limit': '552',
      },
    });
    expect(await store.blobs.size(manifestConfigDigest(manifest))).toBe(2);
  });

  function manifestConfigDigest(manifest: Uint8Array) {
    return JSON.parse(Buffer.from(manifest).toString()).config.digest;
  }

  it.each([
    ['the ELF is added to the loader', [loader], [elf]],
    ['the loader is added to the ELF', [elf], [loader]],
  ])('makes one kernel when %s later', async (_, first, second) => {
    await addKernel(store, first, { name: 'k' });
    const kernel = await addKernel(store, second, { name: 'k' });
    expect(kernel).toMatchObject({ symbols: 'hidden', tlsLimit: 552, version });
    expect(kernel.loader?.digest).toBe(digestOf(loader.bytes));
    expect(kernel.elf?.digest).toBe(digestOf(elf.bytes));
    expect(await findKernel(store, 'k')).toEqual(kernel);
  });

  it('replaces a kernel whole when one of its forms comes with other bytes', async () => {
    await addKernel(store, [loader, elf], { name: 'k', setDefault: true });
    const other = { name: 'other', bytes: fakeKernelElf({ version: 'v0.58.0', limits: [] }) };
    const kernel = await addKernel(store, [other], { name: 'k' });
    expect(kernel).toEqual({
      name: 'k',
      architecture: 'x86_64',
      version: 'v0.58.0',
      symbols: 'hidden',
      elf: { digest: digestOf(other.bytes), size: other.bytes.length },
    });
    expect(await names()).toEqual(['k (default)']);
  });

  it('names a lone loader by its digest', async () => {
    const { name } = await addKernel(store, [loader]);
    expect(name).toBe(
      `kernel-${createHash('sha256').update(loader.bytes).digest('hex').slice(0, 12)}`,
    );
  });

  it.each([
    ['no file', []],
    ['two loaders', [loader, loader]],
    ['forms of two architectures', [{ name: 'arm', bytes: fakeArmLoader() }, elf]],
    ['a file that is none', [{ name: 'x', bytes: Buffer.from('x') }]],
  ])('refuses %s and keeps nothing', async (_, files) => {
    await expect(addKernel(store, files)).rejects.toMatchObject({ code: 'KERNEL_INVALID' });
    expect(await names()).toEqual([]);
  });

  it.each(['', '../x', 'a/b', 'A', 'a b', 'x'.repeat(101)])('refuses the name %j', async (name) => {
    await expect(addKernel(store, [elf], { name })).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe('findKernel', () => {
  it('takes the only kernel, and of several the default', async () => {
    await addKernel(store, [elf], { name: 'b' });
    expect(await names()).toEqual(['b (default)']);
    await addKernel(store, [elf], { name: 'a' });
    expect(await names()).toEqual(['a', 'b']);
    await expect(findKernel(store)).rejects.toMatchObject({
      code: 'KERNEL_NOT_FOUND',
      message: 'choosing a kernel: found a, b, wanted one that is the default',
    });
    await addKernel(store, [elf], { name: 'a', setDefault: true });
    await addKernel(store, [elf], { name: 'b', setDefault: true });
    expect(await names()).toEqual(['a', 'b (default)']);
    expect((await findKernel(store)).name).toBe('b');
  });

  it('says what to type when there is none', async () => {
    await expect(findKernel(store)).rejects.toMatchObject({
      code: 'KERNEL_NOT_FOUND',
      hint: expect.stringContaining('osv-convert kernel add loader.img loader-stripped.elf'),
    });
    await addKernel(store, [elf], { name: 'b' });
    await expect(findKernel(store, 'c')).rejects.toMatchObject({ code: 'KERNEL_NOT_FOUND' });
  });

  it.each([
    ['a manifest of something else', '{"schemaVersion":2}'],
    ['no JSON', 'x'],
    [
      'no architecture',
      '{"artifactType":"application/vnd.osv-convert.kernel.v1","annotations":{}}',
    ],
    [
      'odd symbols',
      '{"artifactType":"application/vnd.osv-convert.kernel.v1","annotations":{"osv-convert.kernel.architecture":"x86_64"}}',
    ],
    [
      'a layer without digest',
      '{"artifactType":"application/vnd.osv-convert.kernel.v1","layers":[{"mediaType":"x","size":1}]}',
    ],
  ])('fails on %s', async (_, text) => {
    const bytes = Buffer.from(text);
    const digest = await store.blobs.put(bytes);
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    await store.refs.set('kernel/odd', { mediaType, digest, size: bytes.length });
    await expect(findKernel(store, 'odd')).rejects.toMatchObject({ code: 'KERNEL_INVALID' });
    await removeKernel(store, 'odd');
    expect(await names()).toEqual([]);
  });
});

describe('removeKernel', () => {
  it('forgets a kernel, and fails when there is none of the name', async () => {
    await addKernel(store, [elf], { name: 'k' });
    await removeKernel(store, 'k');
    expect(await names()).toEqual([]);
    await expect(removeKernel(store, 'k')).rejects.toMatchObject({ code: 'KERNEL_NOT_FOUND' });
  });
});

describe('fetchKernel', () => {
  const files = new Map<string, Uint8Array>();
  let server: Server;
  let releases: string;

  beforeEach(async () => {
    files.clear();
    files.set('/v0.57.0/osv-loader-hidden.qemu.x86_64', loader.bytes);
    files.set('/v0.57.0/osv-loader-hidden.elf.x86_64.gz', gzipSync(elf.bytes));
    server = createServer((request, response) => {
      const bytes = files.get(request.url ?? '');
      response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    releases = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  });

  afterEach(() => new Promise((resolve) => server.close(resolve)));

  it('takes both forms of a release, named by its tag', async () => {
    const kernel = await fetchKernel(store, { releases, setDefault: true });
    expect(kernel).toMatchObject({ name: 'v0.57.0', symbols: 'hidden' });
    expect(kernel.loader?.digest).toBe(digestOf(loader.bytes));
    expect(kernel.elf?.digest).toBe(digestOf(elf.bytes));
    expect(await fetchKernel(store, { releases: `${releases}/` })).toEqual(kernel);
    expect(await names()).toEqual(['v0.57.0 (default)']);
  });

  it('takes that for aarch64 under a name of its own', async () => {
    const armElf = fakeKernelElf({ machine: 183 });
    files.set('/v0.57.0/osv-loader-hidden.qemu.aarch64', fakeArmLoader(armElf));
    files.set('/v0.57.0/osv-loader-hidden.elf.aarch64.gz', gzipSync(armElf));
    await fetchKernel(store, { releases, setDefault: true });
    const kernel = await fetchKernel(store, { releases, architecture: 'aarch64' });
    expect(kernel).toMatchObject({ name: 'v0.57.0-aarch64', architecture: 'aarch64' });
    expect(kernel.elf?.digest).toBe(digestOf(armElf));
    expect(await names()).toEqual(['v0.57.0 (default)', 'v0.57.0-aarch64']);
    files.set('/v0.57.0/osv-loader-hidden.elf.aarch64.gz', gzipSync(Buffer.from('<html>')));
    await expect(fetchKernel(store, { releases, architecture: 'aarch64' })).rejects.toMatchObject({
      code: 'KERNEL_INVALID',
    });
  });

  it('refuses other bytes under a tag fetched before, and keeps the kernel', async () => {
    const kernel = await fetchKernel(store, { releases });
    files.set('/v0.57.0/osv-loader-hidden.elf.x86_64.gz', gzipSync(fakeKernelElf({ limits: [] })));
    await expect(fetchKernel(store, { releases })).rejects.toMatchObject({
      code: 'KERNEL_DIGEST_CHANGED',
      hint: expect.stringContaining('osv-convert kernel rm v0.57.0'),
    });
    expect(await findKernel(store)).toEqual(kernel);
  });

  it('keeps nothing when one of the files is missing', async () => {
    files.delete('/v0.57.0/osv-loader-hidden.elf.x86_64.gz');
    await expect(fetchKernel(store, { releases })).rejects.toMatchObject({
      code: 'KERNEL_NOT_FOUND',
    });
    expect(await names()).toEqual([]);
  });

  it('keeps nothing when one of the files is no kernel', async () => {
    files.set('/v0.57.0/osv-loader-hidden.qemu.x86_64', Buffer.from('<html>'));
    await expect(fetchKernel(store, { releases })).rejects.toMatchObject({
      code: 'KERNEL_INVALID',
    });
    expect(await names()).toEqual([]);
  });

  it.each([
    ['a tag that climbs', { release: '../evil' }],
    ['plain HTTP to elsewhere', { releases: 'http://example.com' }],
    ['no address', { releases: 'releases' }],
    ['another scheme', { releases: 'file:///tmp' }],
  ])('refuses %s', async (_, options) => {
    await expect(fetchKernel(store, { releases, ...options })).rejects.toMatchObject({
      code: 'USAGE',
    });
  });

  it('ends when its signal aborts', async () => {
    const signal = AbortSignal.abort();
    await expect(fetchKernel(store, { releases, signal })).rejects.toBe(signal.reason);
    expect(await names()).toEqual([]);
  });
});
