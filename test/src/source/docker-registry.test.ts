import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pairLayers, parseImageConfig } from '../../../src/oci/config.ts';
import { parseManifest } from '../../../src/oci/manifest.ts';
import { parseReference } from '../../../src/oci/reference.ts';
import { readDocument } from '../../../src/source/document.ts';
import { createRegistrySource } from '../../../src/source/registry/registry.ts';
import { digestOf } from '../../../store/index.ts';
import {
  type DockerRegistry,
  findProgram,
  startDockerRegistry,
} from '../../support/docker-registry.ts';
import { descriptorOf, imageOf, jsonBytes } from '../../support/registry/image.ts';

const run = promisify(execFile);
const tar = Buffer.alloc(300_000);
const image = imageOf({
  repository: 'acme/app',
  layers: [{ tar }],
  config: { Entrypoint: ['/app/app'], Env: ['A=b'] },
});

let registry: DockerRegistry | undefined;
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'docker-registry-test-'));
  if (findProgram('skopeo') === undefined) {
    console.log('skipped: skopeo is not installed (apt-get install skopeo)');
    return;
  }
  registry = await startDockerRegistry();
});

afterAll(async () => {
  await registry?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Writes `image` as an OCI image layout and pushes it with skopeo, in the given manifest format. */
async function push(host: string, format: 'oci' | 'v2s2'): Promise<void> {
  const [root] = image.manifests;
  if (root === undefined) {
    throw new Error('push: the image has no manifest');
  }
  await mkdir(join(folder, 'blobs/sha256'), { recursive: true });
  for (const bytes of [...image.blobs, root.bytes]) {
    await writeFile(join(folder, 'blobs', ...digestOf(bytes).split(':')), bytes);
  }
  await writeFile(join(folder, 'oci-layout'), jsonBytes({ imageLayoutVersion: '1.0.0' }));
  const manifests = [descriptorOf(root.mediaType, root.bytes)];
  await writeFile(join(folder, 'index.json'), jsonBytes({ schemaVersion: 2, manifests }));
  const target = `docker://${host}/acme/app:${format}`;
  const options = ['--insecure-policy', 'copy', '--dest-tls-verify=false', '--format', format];
  await run('skopeo', [...options, `oci:${folder}`, target]);
}

test.each(['oci', 'v2s2'] as const)(
  'createRegistrySource reads from docker-registry what skopeo pushed as %s',
  async (format) => {
    if (registry === undefined) {
      return;
    }
    await push(registry.host, format);
    const source = createRegistrySource(parseReference(`${registry.host}/acme/app:${format}`));
    const { bytes } = await source.resolve();
    const manifest = await parseManifest(bytes);
    const config = await parseImageConfig(await readDocument(source, manifest.config));
    expect(config.config).toMatchObject({ Entrypoint: ['/app/app'], Env: ['A=b'] });
    const [layer] = pairLayers(manifest, config);
    expect(layer?.diffID).toBe(digestOf(tar));
    expect(layer && digestOf(await readDocument(source, layer.descriptor))).toBe(
      layer?.descriptor.digest,
    );
  },
);

test('createRegistrySource fails by its code when docker-registry has no such image', async () => {
  if (registry === undefined) {
    return;
  }
  const source = createRegistrySource(parseReference(`${registry.host}/acme/none:1`));
  await expect(source.resolve()).rejects.toThrowError(
    expect.objectContaining({
      code: 'IMAGE_NOT_FOUND',
      message: expect.stringContaining('404, MANIFEST_UNKNOWN: manifest unknown'),
    }),
  );
});
