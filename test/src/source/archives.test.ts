import { execFileSync, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { symlink as link, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseImageIndex } from '../../../src/oci/image-index.ts';
import { parseLocation } from '../../../src/oci/location.ts';
import { parseManifest } from '../../../src/oci/manifest.ts';
import { formatPlatform } from '../../../src/oci/platform.ts';
import { readDocument } from '../../../src/source/document.ts';
import { openSource } from '../../../src/source/open.ts';
import { type Descriptor, digestOf, hexOf, openStore, type Store } from '../../../store/index.ts';
import { archiveOf, dockerMembers, ociMembers } from '../../support/archives.ts';
import { buildArtifact } from '../../support/artifact.ts';
import { containerdSave, dockerSave } from '../../support/docker-save.ts';
import { type BuiltImage, buildImage, buildIndex } from '../../support/image.ts';
import { file, hardlink, type LayerItem, symlink, zstdFrame } from '../../support/layers.ts';
import { writeLayout } from '../../support/layout.ts';
import { header, member } from '../../support/tar-builder.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const root = temporaryFolder('archives');
let store: Store;
let count = 0;

beforeAll(async () => {
  store = await openStore(join(root, 'store'));
});

const web = buildImage({
  layers: [[file('a', 'A'.repeat(3000))], [file('b', 'bottle')]],
  config: { Cmd: ['web'] },
});

const job = buildImage({ layers: [[file('c', 'C')]], compression: 'zstd' });
const arm = buildImage({ layers: [[file('d', 'D')]], architecture: 'arm64' });

/** A new file of these bytes, by an absolute name without a colon. */
async function put(bytes: Uint8Array): Promise<string> {
  count += 1;
  const path = join(root, `archive-${count}.tar`);
  await writeFile(path, bytes);
  return path;
}

interface Read {
  readonly root: Descriptor;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** Everything of the image at `text`, verified. */
async function readImage(text: string): Promise<Read> {
  const source = await openSource(parseLocation(text), { store });
  try {
    const { descriptor, bytes } = await source.resolve();
    expect(digestOf(bytes)).toBe(descriptor.digest);
    const { config, layers } = await parseManifest(bytes);
    for (const part of [config, ...layers]) {
      const whole = await readDocument(source, part);
      const rest: Uint8Array[] = [];
      for await (const chunk of source.fetch(part, { offset: 7 })) rest.push(chunk);
      expect(Buffer.concat(rest).equals(whole.subarray(7))).toBe(true);
    }
    return { root: descriptor, config, layers };
  } finally {
    await source.close();
  }
}

async function failureOf(text: string): Promise<{ code: string; message: string; hint?: string }> {
  return await readImage(text).then(
    () => expect.unreachable(`${text} was read`),
    (error) => error,
  );
}

describe('openSource reads an OCI layout', () => {
  let folder = '';

  beforeAll(async () => {
    folder = join(root, 'layout');
    await writeLayout(folder, '1.0', web);
  });

  test('by the tag, by the digest, and by nothing when there is one image', async () => {
    for (const suffix of ['', ':1.0', `@${web.root.digest}`]) {
      expect(await readImage(`oci:${folder}${suffix}`)).toMatchObject({
        root: { digest: web.root.digest },
      });
    }
  });

  test('by the digest of a manifest inside an index', async () => {
    const nested = join(root, 'nested');
    await writeLayout(nested, 'all', buildIndex([buildIndex([web, arm])]));
    const { root: found } = await readImage(`oci:${nested}@${arm.root.digest}`);
    expect(found).toMatchObject({ digest: arm.root.digest, mediaType: arm.root.mediaType });
  });

  test('through links in the place of blobs, as build tools make them', async () => {
    const linked = join(root, 'linked');
    await writeLayout(linked, 'x', web);
    const blob = join(linked, 'blobs/sha256', hexOf(web.config.digest));
    await rename(blob, join(root, 'elsewhere'));
    await link(join(root, 'elsewhere'), blob);
    expect((await readImage(`oci:${linked}`)).config.digest).toBe(web.config.digest);
  });

  test.each<[string, (blob: string) => Promise<void>, string]>([
    ['is missing', (blob) => rm(blob), 'IMAGE_NOT_FOUND'],
    ['is shorter', (blob) => writeFile(blob, ''), 'SIZE_MISMATCH'],
    ['is other bytes', (blob) => writeFile(blob, Buffer.alloc(web.config.size)), 'DIGEST_MISMATCH'],
    [
      'is a pipe',
      async (blob) => {
        await rm(blob);
        execFileSync('mkfifo', [blob]);
      },
      'IMAGE_NOT_FOUND',
    ],
    [
      'is a link in a circle',
      async (blob) => {
        await rm(blob);
        await link(blob, blob);
      },
      'IMAGE_NOT_FOUND',
    ],
  ])('and fails by its code when a blob %s', async (_what, spoil, code) => {
    count += 1;
    const spoilt = join(root, `spoilt-${count}`);
    await writeLayout(spoilt, 'x', web);
    await spoil(join(spoilt, 'blobs/sha256', hexOf(web.config.digest)));
    expect(await failureOf(`oci:${spoilt}`)).toMatchObject({ code });
  });

  test('and fails by its code when there is no layout, or none of this version', async () => {
    expect(await failureOf(`oci:${root}`)).toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    const later = join(root, 'later');
    await writeLayout(later, 'x', web);
    await writeFile(join(later, 'oci-layout'), '{"imageLayoutVersion":"2.0.0"}');
    expect(await failureOf(`oci:${later}`)).toMatchObject({ code: 'IMAGE_UNSUPPORTED' });
    await writeFile(join(later, 'oci-layout'), Buffer.alloc(5_000_000, ' '));
    expect(await failureOf(`oci:${later}`)).toMatchObject({ code: 'MANIFEST_INVALID' });
  });
});

describe('openSource reads an archive', () => {
  const compressions: [string, (bytes: Uint8Array) => Uint8Array][] = [
    ['plain', (bytes) => bytes],
    ['gzip', (bytes) => gzipSync(bytes)],
    ['zstd', zstdFrame],
  ];

  test.each(compressions)('with an OCI layout when it is %s', async (_name, compress) => {
    const images = [[['web:1'], web] as const, [['job'], job] as const];
    const path = await put(compress(archiveOf(ociMembers(images))));
    expect((await readImage(`oci-archive:${path}:web:1`)).root.digest).toBe(web.root.digest);
    const read = await readImage(`oci-archive:${path}:job`);
    expect(read.layers).toEqual(job.layers.map(({ descriptor }) => descriptor));
  });

  test.each(compressions)('of docker save when it is %s', async (_name, compress) => {
    const images = [[['web:1', 'acme/web'], web] as const, [['job:latest'], job] as const];
    const path = await put(compress(archiveOf(dockerMembers(images))));
    for (const name of ['web:1', 'acme/web:latest', 'docker.io/acme/web']) {
      const read = await readImage(`docker-archive:${path}:${name}`);
      expect(read.config.digest).toBe(web.config.digest);
      expect(read.layers.map(({ digest }) => digest)).toEqual(
        web.layers.map(({ diffID }) => diffID),
      );
    }
    expect((await readImage(`docker-archive:${path}:job`)).config.digest).toBe(job.config.digest);
  });

  test('of docker save with compressed layers, and names their compression', async () => {
    const suffixes = { gzip: '+gzip', zstd: '+zstd' } as const;
    for (const compression of ['gzip', 'zstd'] as const) {
      const image = buildImage({ layers: [[file('a', 'A')]], compression });
      const layers = image.layers.map((layer) => ({ ...layer, tar: layer.blob }));
      const path = await put(archiveOf(dockerMembers([[['x'], { ...image, layers }]])));
      const read = await readImage(`docker-archive:${path}`);
      expect(read.layers).toEqual(image.layers.map(({ descriptor }) => descriptor));
      expect(read.layers[0]?.mediaType).toContain(suffixes[compression]);
    }
  });

  describe('of docker save from version 25 on', () => {
    const diffIDs = ({ layers }: BuiltImage) => layers.map(({ diffID }) => diffID);
    const repeated = buildImage({
      layers: [...web.layers, ...web.layers].slice(0, 3),
      config: { Cmd: ['repeated'] },
    });

    test.each([{}, { platform: true }])('by its layout, version %j', async (version) => {
      const members = dockerSave(
        [
          [['web:1', 'acme/web:2'], web],
          [['job:1'], repeated],
        ],
        version,
      );
      const manifests = members.flatMap(({ bytes }) =>
        Buffer.from(bytes).includes('"layers":') ? [digestOf(bytes)] : [],
      );
      const path = await put(archiveOf(members));
      for (const name of ['web:1', 'docker.io/acme/web:2']) {
        const read = await readImage(`docker-archive:${path}:${name}`);
        expect(manifests).toContain(read.root.digest);
        expect(read.config.digest).toBe(web.config.digest);
        expect(read.layers.map(({ digest }) => digest)).toEqual(diffIDs(web));
      }
      const job = await readImage(`oci-archive:${path}:job:1`);
      expect(job.layers.map(({ digest }) => digest)).toEqual(diffIDs(repeated));
    });

    test.each([
      ['other than their own', web],
      ['with one left out that occurs twice', repeated],
    ])('by manifest.json when the layout has the layers in an order %s', async (_how, image) => {
      const members = dockerSave([[['web:1'], image]], { platform: true, anyOrder: true });
      const read = await readImage(`docker-archive:${await put(archiveOf(members))}:web:1`);
      expect(read.config.digest).toBe(image.config.digest);
      expect(read.layers.map(({ digest }) => digest)).toEqual(diffIDs(image));
    });

    test.each([{}, { platform: true, namelessLeftOut: true }])(
      'when the image has no name, version %j',
      async (version) => {
        const path = await put(archiveOf(dockerSave([[[], web]], version)));
        const read = await readImage(`docker-archive:${path}`);
        expect(read.layers.map(({ digest }) => digest)).toEqual(diffIDs(web));
      },
    );

    test('by manifest.json when the layout lacks the images without names', async () => {
      const images = [[['web:1'], web] as const, [[], repeated] as const];
      const path = await put(archiveOf(dockerSave(images)));
      const { message } = await failureOf(`docker-archive:${path}`);
      const [digest] = /sha256:[0-9a-f]{64}/.exec(message) ?? [];
      const read = await readImage(`docker-archive:${path}@${digest}`);
      expect(read.config.digest).toBe(repeated.config.digest);
      expect((await readImage(`docker-archive:${path}:web:1`)).config.digest).toBe(
        web.config.digest,
      );
    });

    test('of containerd by its layout, also when it lists a platform that is not there', async () => {
      const index = buildIndex([arm, web]);
      const absent = new Set([
        arm.config.digest,
        ...arm.layers.map((one) => one.descriptor.digest),
      ]);
      const blobs = new Map([...index.blobs].filter(([digest]) => !absent.has(digest)));
      for (const [image, listed] of [
        [index, web],
        [{ ...index, blobs }, arm],
      ] as const) {
        const path = await put(archiveOf(containerdSave([['web:1'], image], listed)));
        const source = await openSource(parseLocation(`docker-archive:${path}:web:1`), { store });
        expect((await source.resolve()).descriptor.digest).toBe(index.root.digest);
        await source.close();
        const read = await readImage(`docker-archive:${path}@${web.root.digest}`);
        expect(read.layers).toEqual(web.layers.map(({ descriptor }) => descriptor));
      }
    });

    test('of containerd without taking what refers to the image for another', async () => {
      const { platform: _platform, ...subject } = web.root;
      const sbom = buildArtifact({ artifactType: 'text/spdx', content: 'all of it', subject });
      const path = await put(archiveOf(containerdSave([['web:1'], web], web, [sbom])));
      expect((await readImage(`docker-archive:${path}`)).root.digest).toBe(web.root.digest);
    });
  });

  test('with links for layers that occur twice, as old docker save wrote', async () => {
    const twice = buildImage({
      layers: [web.layers[0], web.layers[0]].flatMap((one) => one ?? []),
      compression: 'none',
    });
    for (const make of [
      (path: string, target: string) => symlink(path, `../${target}`),
      hardlink,
    ]) {
      const members = dockerMembers([[['x'], twice]]);
      const [config] = members;
      const tar = members[1];
      const layer = tar?.entry.path ?? '';
      const listing = JSON.stringify([
        { Config: config?.entry.path, RepoTags: null, Layers: [layer, 'second/layer.tar'] },
      ]);
      const items = [
        ...members.slice(0, 2),
        make('second/layer.tar', layer),
        file('manifest.json', listing),
      ];
      const read = await readImage(`docker-archive:${await put(archiveOf(items))}`);
      expect(read.layers.map(({ digest }) => digest)).toEqual(
        twice.layers.map(({ diffID }) => diffID),
      );
    }
  });

  test('with absolute names and ./ before names', async () => {
    const members = ociMembers([[['x'], web]]);
    for (const prefix of ['/', './', '/./']) {
      const bytes = members.map(({ entry, bytes }) =>
        entry.kind === 'file' ? member({ name: prefix + entry.path }, bytes) : Buffer.alloc(0),
      );
      const path = await put(Buffer.concat([...bytes, Buffer.alloc(1024)]));
      expect((await readImage(`oci-archive:${path}`)).root.digest).toBe(web.root.digest);
    }
  });

  test('and leaves nothing of an inflated one behind', async () => {
    const path = await put(gzipSync(archiveOf(ociMembers([[['x'], web]]))));
    const source = await openSource(parseLocation(`oci-archive:${path}`), { store });
    expect(readdirSync(join(root, 'store', 'ingest'))).toEqual([]);
    await source.close();
  });

  test('and fails by its code when there is no folder to inflate it in', async () => {
    const path = await put(gzipSync(archiveOf(ociMembers([[['x'], web]]))));
    const unusable = { ...store, path };
    const source = openSource(parseLocation(`oci-archive:${path}`), { store: unusable });
    await expect(source).rejects.toMatchObject({ code: 'STORE_UNUSABLE' });
  });

  test('that the .NET SDK published, which tells an empty platform', async () => {
    const { mediaType, digest, size } = web.root;
    const annotations = {
      'io.containerd.image.name': 'docker.io/acme/console:1.0',
      'org.opencontainers.image.ref.name': '1.0',
    };
    const manifests = [{ mediaType, size, digest, platform: {}, annotations }];
    const members = ociMembers([[['x'], web]]).filter(({ entry }) => entry.path !== 'index.json');
    const index = file('index.json', JSON.stringify({ schemaVersion: 2, manifests }));
    const path = await put(archiveOf([...members, index]));
    for (const tag of ['', ':1.0', ':acme/console:1.0']) {
      expect((await readImage(`oci-archive:${path}${tag}`)).root.digest).toBe(digest);
    }
  });

  test('that comes through a pipe', async () => {
    const path = await put(archiveOf(ociMembers([[['x'], web]])));
    const pipe = join(root, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const writer = spawn('sh', ['-c', 'exec cat "$1" > "$2"', 'sh', path, pipe]);
    expect((await readImage(`oci-archive:${pipe}`)).root.digest).toBe(web.root.digest);
    await new Promise((done) => (writer.exitCode === null ? writer.on('close', done) : done(0)));
  });

  test('and gives an image that is listed for several platforms as an index', async () => {
    const path = await put(
      archiveOf(
        ociMembers([
          [['x'], web],
          [['x'], arm],
        ]),
      ),
    );
    const source = await openSource(parseLocation(`oci-archive:${path}`), { store });
    const { bytes } = await source.resolve();
    const { manifests } = await parseImageIndex(bytes);
    await source.close();
    expect(manifests.map(({ platform }) => platform && formatPlatform(platform))).toEqual([
      'linux/amd64',
      'linux/arm64',
    ]);
  });

  test('and gives digests to choose from when two images have one name and platform', async () => {
    const path = await put(
      archiveOf(
        ociMembers([
          [['x'], web],
          [['x'], job],
        ]),
      ),
    );
    const { code, hint = '' } = await failureOf(`oci-archive:${path}:x`);
    expect(code).toBe('REFERENCE_INVALID');
    expect((await readImage(hint.replace('name one: ', ''))).root.digest).toBe(web.root.digest);
  });

  test('and lists the names when none, or a wrong one, is given', async () => {
    const images: [string[], BuiltImage][] = [
      [['web:1'], web],
      [['job:2'], job],
    ];
    const path = await put(archiveOf(dockerMembers(images)));
    expect(await failureOf(`docker-archive:${path}`)).toMatchObject({
      code: 'REFERENCE_INVALID',
      message: expect.stringContaining('docker.io/library/web:1, docker.io/library/job:2'),
      hint: `name one: docker-archive:${path}:docker.io/library/web:1`,
    });
    expect(await failureOf(`docker-archive:${path}:web:3`)).toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      message: expect.stringContaining('docker.io/library/web:1, docker.io/library/job:2'),
    });
    const tags = await put(archiveOf(ociMembers([[['v1'], web]])));
    expect(await failureOf(`oci-archive:${tags}:V2`)).toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });

  test('and gives digests to choose from when its images have no names', async () => {
    const path = await put(
      archiveOf(
        dockerMembers([
          [[], web],
          [[], job],
        ]),
      ),
    );
    const { code, hint = '' } = await failureOf(`docker-archive:${path}`);
    expect(code).toBe('REFERENCE_INVALID');
    expect((await readImage(hint.replace('name one: ', ''))).config.digest).toBe(web.config.digest);
  });
});

describe('openSource refuses an archive', () => {
  const whole = dockerMembers([[['x'], web]]);
  const listing = (Layers: readonly string[], Config = whole[0]?.entry.path) =>
    file('manifest.json', JSON.stringify([{ Config, RepoTags: null, Layers }]));
  const [config, first, second] = whole;
  const layers = [first, second].map((item) => item?.entry.path ?? '');
  const without = (path: string) => whole.filter(({ entry }) => entry.path !== path);
  const items = (...extra: LayerItem[]) => archiveOf([...without('manifest.json'), ...extra]);
  const body = Buffer.concat([
    ...whole.map(({ entry, bytes }) => member({ name: entry.path }, bytes)),
  ]);
  const end = Buffer.alloc(1024);

  test.each<[string, Uint8Array, string]>([
    ['a layer is missing', archiveOf(without(layers[0] ?? '')), 'found no file'],
    ['the config is missing', items(listing(layers, 'nothing.json')), '"nothing.json"'],
    [
      'a layer is named outside of it',
      items(listing(['../../etc/passwd', layers[1] ?? ''])),
      'leads out of the archive',
    ],
    [
      'a layer is an absolute name of the host',
      items(listing(['/etc/passwd', layers[1] ?? ''])),
      'found no file "/etc/passwd"',
    ],
    [
      'a layer is a link out of it',
      items(listing(['out', layers[1] ?? '']), symlink('out', '../../etc/passwd')),
      'leads out',
    ],
    [
      'a layer is a link to the host',
      items(listing(['out', layers[1] ?? '']), symlink('out', '/etc/passwd')),
      'found no file "out"',
    ],
    [
      'links go in a circle',
      items(listing(['l', layers[1] ?? '']), symlink('l', 'm'), symlink('m', 'l')),
      'a link in a circle',
    ],
    [
      'there are fewer layers than the config says',
      items(listing(layers.slice(1))),
      'found 1 layers, wanted 2',
    ],
    [
      'a name has two meanings',
      items(listing(layers), file(layers[0] ?? '', 'other')),
      'several different files',
    ],
    ['manifest.json is there twice', archiveOf([...whole, listing([])]), 'several different files'],
    [
      'manifest.json is no array',
      items(file('manifest.json', '{"Layers":[]}')),
      'wanted it to be array',
    ],
    ['manifest.json is no JSON', items(file('manifest.json', '[')), 'found no JSON'],
    [
      'manifest.json is huge',
      items(file('manifest.json', Buffer.alloc(5_000_000, ' '))),
      'at most 4194304',
    ],
    [
      'manifest.json says it has a gigabyte',
      Buffer.concat([body, header({ name: 'manifest.json', size: 2 ** 30 }), end]),
      'the end of the tar',
    ],
    ['a name climbs out', Buffer.concat([member({ name: '../x' }, 'x'), body, end]), 'no ".."'],
    ['it is cut off', body.subarray(0, 700), 'the end of the tar'],
    ['it is no tar', Buffer.from('hello, this is no tar at all'.repeat(40)), 'reading the tar'],
    [
      'it is no archive of images',
      archiveOf([file('README', 'hello')]),
      'neither index.json nor manifest.json',
    ],
    ['it is gzip cut off', gzipSync(archiveOf(whole)).subarray(0, 300), 'inflating'],
    [
      'a blob has other bytes than its name says',
      archiveOf(
        ociMembers([[['x'], web]]).map((item) =>
          item.entry.path.includes(hexOf(web.config.digest))
            ? file(item.entry.path, Buffer.alloc(web.config.size))
            : item,
        ),
      ),
      'found bytes of sha256:',
    ],
  ])('when %s', async (_what, bytes, why) => {
    expect(config).toBeDefined();
    expect(await failureOf(`docker-archive:${await put(bytes)}`)).toMatchObject({
      code: 'ARCHIVE_INVALID',
      message: expect.stringContaining(why),
    });
  });

  test('with a hint that takes the disk out when it is one for Compute Engine', async () => {
    const path = await put(gzipSync(archiveOf([file('disk.raw', 'x')])));
    expect(await failureOf(`docker-archive:${path}`)).toMatchObject({
      code: 'ARCHIVE_INVALID',
      message: expect.stringContaining('a disk for Google Compute Engine'),
      hint: `tar -xf ${path} disk.raw`,
    });
  });

  test('when the image does not fit its digests', async () => {
    const path = await put(
      archiveOf([...whole.filter((item) => item !== config), file(config?.entry.path ?? '', '{}')]),
    );
    expect(await failureOf(`docker-archive:${path}`)).toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('when it is missing or a folder', async () => {
    for (const path of [join(root, 'nothing'), root]) {
      expect(await failureOf(`oci-archive:${path}`)).toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    }
  });
});

describe('openSource reads the store', () => {
  test('by the name that stands in it', async () => {
    for (const bytes of web.blobs.values()) await store.blobs.put(bytes);
    await store.refs.set('localhost/web:1', web.root);
    expect((await readImage('store:localhost/web:1')).root.digest).toBe(web.root.digest);
    expect(await failureOf('store:localhost/web:2')).toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    await store.refs.set('localhost/wrong:1', { ...web.root, size: web.root.size + 1 });
    expect(await failureOf('store:localhost/wrong:1')).toMatchObject({ code: 'SIZE_MISMATCH' });
  });
});
