import { describe, expect, it } from 'vitest';
import type { ConvertEvent } from '../../../src/event.ts';
import { pull } from '../../../src/pull/pull.ts';
import { digestOf } from '../../../store/index.ts';
import { descriptorOf, jsonBytes, mediaTypes } from '../../support/descriptor.ts';
import { type BuiltImage, buildImage, type Image } from '../../support/image.ts';
import { buildLayer, file, type LayerItem, layerTar } from '../../support/layers.ts';
import { at, emptyStore, listing, start } from './layer-places.ts';

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
