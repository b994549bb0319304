import { execFile } from 'node:child_process';
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
import { buildImage, buildIndex } from '../../support/image.ts';
import { readLayout, writeLayout } from '../../support/layout.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const run = promisify(execFile);
const tar = Buffer.alloc(300_000);
const image = buildImage({
  layers: [tar],
  config: { Entrypoint: ['/app/app'], Env: ['A=b'] },
});

const missing = ['docker-registry', 'skopeo'].filter((name) => findProgram(name) === undefined);
if (missing.length > 0) {
  console.log(`skipped: not installed (apt-get install ${missing.join(' ')})`);
}
const withPeers = test.skipIf(missing.length > 0);

let registry: DockerRegistry | undefined;
const folder = temporaryFolder('docker-registry');

beforeAll(async () => {
  registry = missing.length > 0 ? undefined : await startDockerRegistry();
});

afterAll(async () => {
  await registry?.close();
});

function host(): string {
  if (registry === undefined) {
    throw new Error('docker-registry does not run');
  }
  return registry.host;
}

/** Pushes `image` with skopeo, in the given manifest format. */
async function push(format: 'oci' | 'v2s2'): Promise<void> {
  await writeLayout(folder, 'app', image);
  const target = `docker://${host()}/acme/app:${format}`;
  const options = ['--insecure-policy', 'copy', '--dest-tls-verify=false', '--format', format];
  await run('skopeo', [...options, `oci:${folder}:app`, target]);
}

withPeers.each(['oci', 'v2s2'] as const)(
  'createRegistrySource reads from docker-registry what skopeo pushed as %s',
  async (format) => {
    await push(format);
    const source = createRegistrySource(parseReference(`${host()}/acme/app:${format}`));
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

withPeers(
  'createRegistrySource fails by its code when docker-registry has no such image',
  async () => {
    const source = createRegistrySource(parseReference(`${host()}/acme/none:1`));
    await expect(source.resolve()).rejects.toThrowError(
      expect.objectContaining({
        code: 'IMAGE_NOT_FOUND',
        message: expect.stringContaining('404, MANIFEST_UNKNOWN: manifest unknown'),
      }),
    );
  },
);

test('readLayout reads back what writeLayout wrote when the image is an index', async () => {
  const layout = join(folder, 'index');
  const index = buildIndex([image]);
  await writeLayout(layout, 'app', index);
  const read = await readLayout(layout);
  expect(read.root).toEqual(index.root);
  expect([...read.blobs.keys()].sort()).toEqual([...index.blobs.keys()].sort());
});
