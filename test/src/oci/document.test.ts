import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConvertError } from '../../../src/error.ts';
import { pairLayers, parseImageConfig } from '../../../src/oci/config.ts';
import { parseDocument, sniffMediaType } from '../../../src/oci/document.ts';
import { parseImageIndex } from '../../../src/oci/image-index.ts';
import { documentCap } from '../../../src/oci/json.ts';
import { parseManifest } from '../../../src/oci/manifest.ts';
import { digestOf } from '../../../store/index.ts';
import { jsonBytes, mediaTypes } from '../../support/descriptor.ts';

const { oci, docker } = mediaTypes;
const digest = digestOf(Buffer.from('x'));
const descriptor = (mediaType: string, size: unknown = 1) => ({ mediaType, digest, size });

function manifest(change: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    schemaVersion: 2,
    mediaType: oci.manifest,
    config: descriptor(oci.config),
    layers: [descriptor(oci.layer)],
    ...change,
  };
}

function index(change: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    schemaVersion: 2,
    mediaType: oci.index,
    manifests: [{ ...descriptor(oci.manifest), platform: { os: 'linux', architecture: 'amd64' } }],
    ...change,
  };
}

function config(change: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    os: 'linux',
    architecture: 'amd64',
    rootfs: { type: 'layers', diff_ids: [digest] },
    ...change,
  };
}

const failure = (code: string, ...texts: readonly string[]) =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(new RegExp(texts.map(escaped).join('.*'), 's')),
  });
const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');

describe('parseManifest', () => {
  test.each([
    'application/vnd.oci.image.layer.v1.tar',
    'application/vnd.oci.image.layer.v1.tar+gzip',
    'application/vnd.oci.image.layer.v1.tar+zstd',
    'application/vnd.docker.image.rootfs.diff.tar',
    'application/vnd.docker.image.rootfs.diff.tar.gzip',
  ])('reads layers of type %s', async (mediaType) => {
    const layers = [descriptor(mediaType)];
    expect(await parseManifest(jsonBytes(manifest({ layers })))).toMatchObject({ layers });
  });

  test('reads Docker schema 2 and a manifest without mediaType or with null annotations', async () => {
    const wire = { mediaType: docker.manifest, config: descriptor(docker.config) };
    expect(await parseManifest(jsonBytes(manifest(wire)))).toMatchObject({ annotations: {} });
    const bare = manifest({ mediaType: undefined, annotations: null });
    expect(await parseManifest(jsonBytes(bare))).toMatchObject({ annotations: {} });
  });

  test.each([
    [{ schemaVersion: 3 }, '/schemaVersion: found 3'],
    [{ mediaType: 'text/plain' }, '/mediaType: found "text/plain"'],
    [{ config: undefined }, "required property 'config'"],
    [{ layers: null }, '/layers: found null'],
    [{ layers: [descriptor(oci.layer, -1)] }, '/layers/0/size: found -1'],
    [{ layers: [descriptor(oci.layer, 1.5)] }, '/layers/0/size: found 1.5'],
    [{ layers: [descriptor(oci.layer, 2 ** 53)] }, '/layers/0/size: found 9007199254740992'],
    [{ layers: [descriptor(oci.layer, '1')] }, '/layers/0/size: found "1"'],
    [{ layers: [{ ...descriptor(oci.layer), digest: 'sha256:../../x' }] }, '/layers/0/digest'],
    [{ layers: Array(1001).fill(descriptor(oci.layer)) }, '/layers: found an array of 1001'],
    [{ layers: [{ ...descriptor(oci.layer), urls: 'https://example.com' }] }, '/layers/0/urls'],
    [{ config: { ...descriptor(oci.config), digest: 'md5:0' } }, '/config/digest: found "md5:0"'],
    [{ manifests: [] }, '/manifests'],
  ])('says where it is wrong when %j stands in it', async (change, text) => {
    await expect(parseManifest(jsonBytes(manifest(change)))).rejects.toThrowError(
      failure('MANIFEST_INVALID', text),
    );
  });

  test.each([
    ['application/vnd.oci.image.layer.v1.tar+gzip+encrypted', 'encrypted'],
    ['application/vnd.example.model', 'wanted a tar'],
  ])('refuses the image when a layer is %s', async (mediaType, text) => {
    const bytes = jsonBytes(manifest({ layers: [descriptor(mediaType)] }));
    await expect(parseManifest(bytes)).rejects.toThrowError(failure('IMAGE_UNSUPPORTED', text));
  });

  test.each([
    'application/vnd.oci.image.layer.nondistributable.v1.tar',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
    'application/vnd.docker.image.rootfs.foreign.diff.tar',
    'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  ])('keeps the URLs of a layer when it is %s', async (mediaType) => {
    const layers = [{ ...descriptor(mediaType), urls: ['https://example.com/layer'] }];
    expect(await parseManifest(jsonBytes(manifest({ layers })))).toMatchObject({ layers });
  });

  test('names the type when the manifest is an artifact without an image config', async () => {
    const empty = descriptor('application/vnd.oci.empty.v1+json');
    const artifactType = 'application/spdx+json';
    await expect(
      parseManifest(jsonBytes(manifest({ config: empty, artifactType }))),
    ).rejects.toThrowError(failure('IMAGE_UNSUPPORTED', artifactType));
    const helm = descriptor('application/vnd.cncf.helm.config.v1+json');
    await expect(parseManifest(jsonBytes(manifest({ config: helm })))).rejects.toThrowError(
      failure('IMAGE_UNSUPPORTED', 'helm'),
    );
  });

  test.each([
    ['', 'wanted JSON'],
    ['<html>', 'found "<html>", wanted JSON'],
    ['null', 'found null'],
    ['[]', 'found an array'],
    ['"\\u001b"', 'wanted a JSON object'],
    [Buffer.from([0x22, 0xff, 0x22]), 'wanted JSON'],
    [Buffer.alloc(documentCap + 1, 0x20), `found ${documentCap + 1} bytes`],
  ])('refuses the bytes when they are %j', async (bytes, text) => {
    await expect(parseManifest(Buffer.from(bytes))).rejects.toThrowError(
      failure('MANIFEST_INVALID', text),
    );
  });
});

describe('parseImageIndex', () => {
  test('reads an OCI index and a Docker manifest list', async () => {
    for (const mediaType of [oci.index, docker.index]) {
      const { manifests } = await parseImageIndex(jsonBytes(index({ mediaType })));
      expect(manifests).toHaveLength(1);
    }
  });

  test.each([
    [
      { manifests: [{ ...descriptor(oci.manifest), platform: { os: 'linux' } }] },
      '/manifests/0/platform',
    ],
    [{ layers: [] }, '/layers'],
    [{ manifests: {} }, '/manifests: found an object'],
  ])('says where it is wrong when %j stands in it', async (change, text) => {
    await expect(parseImageIndex(jsonBytes(index(change)))).rejects.toThrowError(
      failure('MANIFEST_INVALID', text),
    );
  });
});

describe('parseDocument', () => {
  test('tells an index from a manifest', async () => {
    expect(await parseDocument(jsonBytes(index()), oci.index)).toHaveProperty('kind', 'index');
    expect(await parseDocument(jsonBytes(manifest()), oci.manifest)).toHaveProperty(
      'kind',
      'manifest',
    );
  });

  test.each([
    [{ ...manifest(), ...index() }, oci.index, 'found "manifests" and "layers"'],
    [{ ...index(), config: descriptor(oci.config) }, oci.index, 'found "manifests" and "config"'],
    [manifest(), oci.index, `found "${oci.manifest}", wanted ${oci.index}`],
    [index(), docker.index, `wanted ${docker.index}`],
  ])('refuses a document that could be read in two ways', async (document, mediaType, text) => {
    await expect(parseDocument(jsonBytes(document), mediaType)).rejects.toThrowError(
      failure('MANIFEST_INVALID', text),
    );
  });

  test('quotes a hostile document only in part', async () => {
    const long = 'x'.repeat(100_000);
    for (const document of [
      manifest({ mediaType: long }),
      manifest({ artifactType: long, config: descriptor('application/x') }),
      manifest({ annotations: { [long]: 1 } }),
    ]) {
      await expect(parseDocument(jsonBytes(document), oci.manifest)).rejects.toSatisfy(
        (error: Error) => error.message.length < 1000,
      );
    }
  });

  test('says what to do when the manifest is Docker schema 1', async () => {
    const bytes = jsonBytes({ schemaVersion: 1, name: 'a/b', fsLayers: [] });
    for (const mediaType of [
      'application/vnd.docker.distribution.manifest.v1+json',
      oci.manifest,
    ]) {
      await expect(parseDocument(bytes, mediaType)).rejects.toThrowError(
        failure('IMAGE_UNSUPPORTED', 'schema version 1'),
      );
    }
  });

  test('returns a document or a ConvertError when the JSON is arbitrary', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), fc.constantFrom(manifest, index), async (json, whole) => {
        const document = { ...whole(), layers: JSON.parse(json) };
        const parsed = await parseDocument(jsonBytes(document), '').catch(
          (error: unknown) => error,
        );
        expect(parsed instanceof ConvertError || Object.hasOwn(Object(parsed), 'kind')).toBe(true);
      }),
    );
  });
});

test.each([
  [manifest(), oci.manifest],
  [index({ mediaType: docker.index }), docker.index],
  [manifest({ mediaType: undefined }), oci.manifest],
  [index({ mediaType: undefined }), oci.index],
  [{ schemaVersion: 1 }, 'application/vnd.docker.distribution.manifest.v1+json'],
  [{ hello: 1 }, undefined],
  [[], undefined],
])('sniffMediaType tells the type from the document alone', (document, mediaType) => {
  expect(sniffMediaType(jsonBytes(document))).toBe(mediaType);
});

describe('parseImageConfig', () => {
  test('reads what the converter needs', async () => {
    const execution = {
      User: '1654',
      Env: ['A=b'],
      Entrypoint: ['dotnet', 'app.dll'],
      Cmd: ['x'],
      WorkingDir: '/app',
      ExposedPorts: { '8080/tcp': {} },
      Volumes: { '/data': {} },
      Labels: { a: 'b' },
      StopSignal: 'SIGTERM',
    };
    const created = '2026-01-01T00:00:00Z';
    const check = ['CMD', '/app/check'];
    const given = { ...execution, Healthcheck: { Test: check, Interval: 1_000_000 } };
    const history = [
      { created, created_by: 'COPY' },
      { created_by: null, empty_layer: true },
    ];
    const bytes = jsonBytes(config({ variant: 'v2', created, config: given, history }));
    expect(await parseImageConfig(bytes)).toEqual({
      os: 'linux',
      architecture: 'amd64',
      variant: 'v2',
      created,
      config: {
        ...execution,
        ExposedPorts: ['8080/tcp'],
        Volumes: ['/data'],
        HealthcheckTest: check,
      },
      rootfs: { type: 'layers', diff_ids: [digest] },
      history: [{ created_by: 'COPY', empty_layer: false }, { empty_layer: true }],
    });
  });

  test.each([
    undefined,
    null,
    {},
    {
      User: null,
      Env: null,
      Entrypoint: null,
      Cmd: null,
      WorkingDir: null,
      ExposedPorts: null,
      Volumes: null,
      Labels: null,
      StopSignal: null,
      Healthcheck: null,
    },
  ])('makes absent members empty when config is %j', async (execution) => {
    const parsed = await parseImageConfig(jsonBytes(config({ config: execution, created: null })));
    expect(parsed.config).toEqual({
      User: '',
      Env: [],
      Entrypoint: [],
      Cmd: [],
      WorkingDir: '',
      ExposedPorts: [],
      Volumes: [],
      Labels: {},
      StopSignal: '',
      HealthcheckTest: [],
    });
    expect(parsed).not.toHaveProperty('created');
  });

  test('leaves the platform to the caller when the image is for Windows', async () => {
    const parsed = await parseImageConfig(
      jsonBytes(config({ os: 'windows', 'os.version': '10.0' })),
    );
    expect(parsed).toMatchObject({ os: 'windows', 'os.version': '10.0' });
  });

  test.each([
    [{ os: undefined }, "required property 'os'"],
    [{ architecture: 'amd64\u001b[2J' }, '/architecture: found "amd64\\u001b[2J"'],
    [{ variant: 'v'.repeat(65) }, '/variant: found "vvv'],
    [{ config: { Env: 'A=b' } }, '/config/Env: found "A=b"'],
    [{ config: { Cmd: [1] } }, '/config/Cmd/0: found 1'],
    [{ config: { Labels: { a: 1 } } }, '/config/Labels/a: found 1'],
    [{ rootfs: { type: 'tars', diff_ids: [] } }, '/rootfs/type: found "tars"'],
    [{ rootfs: { type: 'layers', diff_ids: ['x'] } }, '/rootfs/diff_ids/0: found "x"'],
  ])('says where it is wrong when %j stands in it', async (change, text) => {
    await expect(parseImageConfig(jsonBytes(config(change)))).rejects.toThrowError(
      failure('CONFIG_INVALID', text),
    );
  });

  test('refuses the bytes when they are no JSON', async () => {
    await expect(parseImageConfig(Buffer.from('{'))).rejects.toThrowError(
      failure('CONFIG_INVALID', 'found "{", wanted JSON'),
    );
  });
});

describe('pairLayers', () => {
  test('joins each layer with its DiffID', async () => {
    const parsed = await parseManifest(jsonBytes(manifest()));
    const pairs = pairLayers(parsed, await parseImageConfig(jsonBytes(config())));
    expect(pairs).toEqual([{ descriptor: descriptor(oci.layer), diffID: digest }]);
  });

  test('refuses the config when it counts another number of layers', async () => {
    const parsed = await parseManifest(jsonBytes(manifest()));
    const rootfs = { type: 'layers', diff_ids: [digest, digest] };
    const other = await parseImageConfig(jsonBytes(config({ rootfs })));
    expect(() => pairLayers(parsed, other)).toThrowError(
      failure('CONFIG_INVALID', '/rootfs/diff_ids: found 2 entries, wanted 1'),
    );
  });
});
