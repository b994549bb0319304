import { parseImageConfig } from '../../../src/oci/config.ts';
import { parseDocument, sniffMediaType } from '../../../src/oci/document.ts';
import { parseImageIndex } from '../../../src/oci/image-index.ts';
import { parseLinks } from '../../../src/oci/links.ts';
import { parseManifest } from '../../../src/oci/manifest.ts';
import { choosePlatform } from '../../../src/oci/platform.ts';
import type { Descriptor } from '../../../store/index.ts';
import { mediaTypes } from '../../support/descriptor.ts';
import { buildImage, buildIndex } from '../../support/image.ts';
import { file } from '../../support/layers.ts';
import { mutateJson } from '../mutate-json.ts';
import { outcomeOf } from '../outcome.ts';
import type { Target } from '../target.ts';

const execution = {
  User: '1000:1000',
  Env: ['PATH=/bin', 'A=b=c'],
  Entrypoint: ['/app/run'],
  Cmd: ['--port', '80'],
  WorkingDir: '/app',
  ExposedPorts: { '8080/tcp': {} },
  Volumes: { '/data': {} },
  Labels: { a: 'b' },
  StopSignal: 'SIGTERM',
};
const image = buildImage({ layers: [[file('a', '1')], [file('b', '2')]], config: execution });
const docker = buildImage({ layers: [[file('a', '1')]], docker: true, architecture: 'arm64' });

function jsonOf(digest: string, blobs: ReadonlyMap<string, Uint8Array>) {
  return JSON.parse(Buffer.from(blobs.get(digest) ?? '').toString());
}

export function configTarget(): Target {
  const history = [{ created_by: 'RUN x', empty_layer: true }, { created: null }];
  const seeds = [image, docker].map(({ config, blobs }) => ({
    ...jsonOf(config.digest, blobs),
    history,
    created: '2026-01-01T00:00:00Z',
    variant: 'v8',
  }));
  return {
    name: 'config',
    input: (random) => mutateJson(random.pick(seeds), random),
    run: (input) =>
      outcomeOf(['CONFIG_INVALID'], async () => {
        const { rootfs, config } = await parseImageConfig(input);
        for (const diffID of rootfs.diff_ids) expectDigest(diffID);
        for (const text of [...config.Env, ...config.Cmd, ...config.Entrypoint, config.User]) {
          expect(typeof text === 'string', 'a text', text);
        }
      }),
  };
}

const codes = ['MANIFEST_INVALID', 'IMAGE_UNSUPPORTED', 'PLATFORM_NOT_FOUND'];

export function manifestTarget(): Target {
  const seeds = [image, docker].map(({ root, blobs }) => ({
    ...jsonOf(root.digest, blobs),
    annotations: { a: 'b' },
    subject: image.config,
  }));
  return {
    name: 'manifest',
    input: (random) => mutateJson(random.pick(seeds), random),
    run: async (input, random) => {
      const told = random.pick([mediaTypes.oci.manifest, mediaTypes.docker.manifest, 'text/plain']);
      sniffMediaType(input);
      await outcomeOf(codes, () => parseDocument(input, told));
      await outcomeOf(codes, async () => {
        const { manifests, blobs, subject } = await parseLinks(input);
        for (const found of [...manifests, ...blobs]) expectDescriptor(found);
        if (subject) expectDescriptor(subject);
      });
      return await outcomeOf(codes, async () => {
        const { config, layers, annotations } = await parseManifest(input);
        for (const found of [config, ...layers]) expectDescriptor(found);
        for (const text of Object.values(annotations)) {
          expect(typeof text === 'string', 'a text', text);
        }
      });
    },
  };
}

export function indexTarget(): Target {
  const seeds = [buildIndex([image, docker]), buildIndex([docker], { docker: true })].map(
    ({ root, blobs }) => jsonOf(root.digest, blobs),
  );
  return {
    name: 'index',
    input: (random) => mutateJson(random.pick(seeds), random),
    run: async (input) => {
      await outcomeOf(codes, () => parseDocument(input, mediaTypes.oci.index));
      await outcomeOf(codes, () => parseLinks(input));
      return await outcomeOf(codes, async () => {
        const index = await parseImageIndex(input);
        for (const found of index.manifests) expectDescriptor(found);
        expectDescriptor(choosePlatform(index, { os: 'linux', architecture: 'arm64' }));
      });
    },
  };
}

function expectDescriptor({ digest, size, mediaType }: Descriptor): void {
  expectDigest(digest);
  expect(Number.isSafeInteger(size) && size >= 0, 'a size', size);
  expect(typeof mediaType === 'string', 'a media type', mediaType);
}

function expectDigest(digest: string): void {
  expect(/^sha256:[0-9a-f]{64}$/.test(digest), 'a digest', digest);
}

function expect(holds: boolean, wanted: string, found: unknown): void {
  if (!holds) throw new Error(`accepted ${JSON.stringify(found)}, wanted ${wanted}`);
}
