import { describe, expect, test } from 'vitest';
import { parseLinks } from '../../../src/oci/links.ts';
import { descriptorOf, jsonBytes, mediaTypes } from '../../support/descriptor.ts';
import { buildImage, buildIndex } from '../../support/image.ts';

const layer = Buffer.alloc(1024);
const image = buildImage({ layers: [layer, layer] });
const { config } = image;
const bytesOf = ({ blobs, root }: Pick<typeof image, 'blobs' | 'root'>) =>
  blobs.get(root.digest) ?? Buffer.alloc(0);

describe('parseLinks', () => {
  test('gives the blobs of a manifest, each once', async () => {
    const { manifests, blobs, artifactType } = await parseLinks(bytesOf(image));
    expect(manifests).toEqual([]);
    expect(blobs.map(({ digest }) => digest)).toEqual([
      config.digest,
      image.layers[0]?.descriptor.digest,
    ]);
    expect(artifactType).toBe(mediaTypes.oci.config);
  });

  test('gives the manifests of an index', async () => {
    const links = await parseLinks(bytesOf({ ...image, ...buildIndex([image]) }));
    expect(links).toEqual({ manifests: [image.root], blobs: [] });
  });

  test('gives subject, type and annotations of an artifact', async () => {
    const subject = descriptorOf(mediaTypes.oci.manifest, bytesOf(image));
    const artifact = {
      schemaVersion: 2,
      artifactType: 'application/vnd.test',
      config,
      layers: [],
      subject,
      annotations: { a: 'b' },
    };
    expect(await parseLinks(jsonBytes(artifact))).toEqual({
      manifests: [],
      blobs: [config],
      subject,
      artifactType: 'application/vnd.test',
      annotations: { a: 'b' },
    });
  });

  test.each([
    ['no document', { schemaVersion: 2 }],
    ['an index and a manifest at once', { schemaVersion: 2, manifests: [], config, layers: [] }],
    ['a subject that is no descriptor', { schemaVersion: 2, config, layers: [], subject: 'x' }],
  ])('fails with MANIFEST_INVALID when it is %s', async (_what, document) => {
    await expect(parseLinks(jsonBytes(document))).rejects.toThrowError(
      expect.objectContaining({ code: 'MANIFEST_INVALID' }),
    );
  });
});
