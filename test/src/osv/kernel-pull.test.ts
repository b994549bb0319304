import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { push } from '../../../src/copy/push.ts';
import { save } from '../../../src/copy/save.ts';
import { pullKernel } from '../../../src/osv/kernel-pull.ts';
import { addKernel, findKernel, listKernels } from '../../../src/osv/kernels.ts';
import { type Digest, digestOf, openStore, type Store } from '../../../store/index.ts';
import { buildArtifact } from '../../support/artifact.ts';
import { descriptorOf, jsonBytes } from '../../support/descriptor.ts';
import { type DockerRegistry, startDockerRegistry } from '../../support/docker-registry.ts';
import { helloImage } from '../../support/hello-image.ts';
import type { Image } from '../../support/image.ts';
import { writeLayout } from '../../support/layout.ts';
import { type Registry, startRegistry } from '../../support/registry/registry.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { fakeKernelElf, fakeLoader, packedLoader } from './fake-kernel.ts';

const folder = temporaryFolder('kernel-pull');
let from: Store;
let docker: DockerRegistry | undefined;
let count = 0;

beforeAll(async () => {
  from = await openStore(join(folder, 'from'));
  const elf = fakeKernelElf();
  const files = [
    { name: 'loader.img', bytes: packedLoader(elf) },
    { name: 'loader-stripped.elf', bytes: elf },
  ];
  await addKernel(from, files, { name: 'mine' });
  docker = await startDockerRegistry();
});

afterAll(async () => {
  await docker?.close();
});

async function emptyStore(): Promise<Store> {
  count += 1;
  return await openStore(join(folder, `to-${count}`));
}

const mediaType = 'application/vnd.oci.image.manifest.v1+json';

/** A kernel's artifact that says what it likes. */
function artifact(
  layers: readonly (readonly [form: 'loader' | 'elf', bytes: Uint8Array])[],
  change: object = {},
): Image {
  const config = Buffer.from('{}');
  const parts = layers.map(([form, bytes]) =>
    descriptorOf(`application/vnd.osv-convert.kernel.${form}.v1`, bytes),
  );
  const manifest = jsonBytes({
    schemaVersion: 2,
    mediaType,
    artifactType: 'application/vnd.osv-convert.kernel.v1',
    config: descriptorOf('application/vnd.oci.empty.v1+json', config),
    layers: parts,
    annotations: {
      'osv-convert.kernel.architecture': 'x86_64',
      'osv-convert.kernel.symbols': 'hidden',
    },
    ...change,
  });

  const blobs: readonly (readonly [Digest, Uint8Array])[] = [
    [digestOf(config), config],
    ...layers.map(([, bytes]) => [digestOf(bytes), bytes] as const),
    [digestOf(manifest), manifest],
  ];
  return { root: descriptorOf(mediaType, manifest), blobs: new Map(blobs) };
}

describe('pullKernel', () => {
  it('takes back what was pushed to the registry of the distribution project', async (context) => {
    // The set-up installs it where it may; who may not install can run all other tests.
    if (docker === undefined) return context.skip('docker-registry is not installed');
    const reference = `${docker.host}/osv/kernels:hidden`;
    const pushed = await push(from, 'store:kernel/mine', reference);
    const to = await emptyStore();
    const kernel = await pullKernel(to, reference);
    const { name: _, ...facts } = await findKernel(from, 'mine');
    const origin = `${reference}@${pushed.digest}`;
    expect(kernel).toEqual({ ...facts, name: 'kernels-hidden', origin });
    expect(await findKernel(to)).toEqual(kernel);
    // The manifest is the same document again, and goes on from here as it came.
    const again = await push(to, 'store:kernel/kernels-hidden', `${docker.host}/osv/other:1`);
    expect(again.digest).toBe(pushed.digest);
    const pinned = await pullKernel(to, `${docker.host}/osv/kernels@${pushed.digest}`, {
      name: 'b',
    });
    expect(pinned.origin).toBe(`${docker.host}/osv/kernels@${pushed.digest}`);
    expect((await listKernels(to)).map(({ kernel }) => kernel.name)).toEqual([
      'b',
      'kernels-hidden',
    ]);
  });

  it('takes a kernel out of an archive that save has written', async () => {
    const path = join(folder, 'kernel.tar');
    await save(from, ['kernel/mine'], path, { format: 'oci-archive' });
    const to = await emptyStore();
    const kernel = await pullKernel(to, `oci-archive:${path}`, { name: 'saved', setDefault: true });
    expect(kernel).toMatchObject({ name: 'saved', symbols: 'hidden', tlsLimit: 552 });
    expect(await listKernels(to)).toEqual([{ kernel, isDefault: true }]);
  });

  it('believes the bytes of the files, and not what the manifest says of them', async () => {
    const layout = join(folder, 'layout');
    const elf = fakeKernelElf({ exposed: true });
    await writeLayout(layout, 'v1', artifact([['loader', elf]]));
    const kernel = await pullKernel(await emptyStore(), `oci:${layout}:v1`);
    expect(kernel).toMatchObject({
      name: 'layout-v1',
      symbols: 'exposed',
      elf: { size: elf.length },
    });
    expect(kernel).not.toHaveProperty('loader');
  });

  it.each<[string, () => Image | Promise<Image>, object]>([
    ['an image', () => helloImage(), { code: 'KERNEL_INVALID' }],
    [
      'another artifact',
      () => buildArtifact({ artifactType: 'text/plain', content: 'x' }),
      { code: 'KERNEL_INVALID', message: expect.stringContaining('"text/plain"') },
    ],
    ['a kernel without files', () => artifact([]), { code: 'KERNEL_INVALID' }],
    [
      'text in the place of a file',
      () => artifact([['elf', Buffer.from('x')]]),
      { code: 'KERNEL_INVALID' },
    ],
    [
      'files of two kernels',
      () =>
        artifact([
          ['loader', packedLoader(fakeKernelElf())],
          ['elf', fakeKernelElf({ version: 'v0.58.0' })],
        ]),
      { code: 'KERNEL_INVALID' },
    ],
    [
      'a file that is too large',
      () =>
        artifact([], {
          layers: [
            {
              ...descriptorOf('application/vnd.osv-convert.kernel.elf.v1', Buffer.from('x')),
              size: 65 << 20,
            },
          ],
        }),
      { code: 'KERNEL_INVALID', message: expect.stringContaining('68157440 bytes') },
    ],
    [
      'an architecture that is none',
      () => artifact([['loader', fakeLoader()]], { annotations: {} }),
      { code: 'KERNEL_INVALID', message: expect.stringContaining('architecture') },
    ],
  ])('refuses %s, and takes in nothing', async (_, image, failure) => {
    const layout = await mkdtemp(join(folder, 'hostile-'));
    await writeLayout(layout, 'v1', await image());
    const to = await emptyStore();
    await expect(pullKernel(to, `oci:${layout}:v1`)).rejects.toMatchObject(failure);
    expect(await listKernels(to)).toEqual([]);
  });

  it('refuses other bytes than the digest says', async () => {
    const elf = fakeKernelElf();
    const image = artifact([['elf', elf]]);
    const lying = new Map([...image.blobs, [digestOf(elf), Buffer.alloc(elf.length)] as const]);
    const registry: Registry = await startRegistry({
      images: { 'k:1': { ...image, blobs: lying } },
    });
    const to = await emptyStore();
    const pulled = pullKernel(to, `${registry.host}/k:1`);
    await expect(pulled).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(await listKernels(to)).toEqual([]);
    await registry.close();
  });
});
