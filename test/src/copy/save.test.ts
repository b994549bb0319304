import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { load } from '../../../src/copy/load.ts';
import { save } from '../../../src/copy/save.ts';
import { removeImages, tagImage } from '../../../src/copy/stored-names.ts';
import { type Descriptor, digestOf, hexOf, openStore, type Store } from '../../../store/index.ts';
import { archiveOf, ociMembers } from '../../support/archives.ts';
import { runCli } from '../../support/cli.ts';
import { type BuiltImage, buildImage, buildIndex, type Image } from '../../support/image.ts';
import { directory, file } from '../../support/layers.ts';
import { writeLayout } from '../../support/layout.ts';

const webName = 'docker.io/acme/web:1';
const web = buildImage({
  layers: [[directory('app'), file('app/a', 'A'.repeat(300_000))], [file('app/b', 'bottle')]],
  config: { Entrypoint: ['/app/a'] },
});
const job = buildImage({ layers: [[file('c', 'C')]], compression: 'zstd' });
const arm = buildImage({ layers: [[file('d', 'D')]], architecture: 'arm64' });

let root = '';
let full: Store;
let stores = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'osv-convert-save-'));
  full = await emptyStore();
  await put(full, webName, web);
  await put(full, 'localhost/job:2', job);
  await put(full, 'localhost/both:1', web);
  await put(full, 'localhost/both:1', arm);
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

async function emptyStore(): Promise<Store> {
  stores += 1;
  return await openStore(join(root, `store-${stores}`));
}

async function put(store: Store, name: string, image: BuiltImage): Promise<void> {
  for (const bytes of image.blobs.values()) await store.blobs.put(bytes);
  for (const { descriptor, diffID } of image.layers) {
    await store.layers.ingest(descriptor.digest, diffID);
  }
  await store.refs.set(name, image.root);
}

/** Name, digest and platform of all that a store has. */
async function contentsOf(store: Store): Promise<readonly string[]> {
  return (await store.refs.list()).map(
    ({ name, descriptor: { digest, platform } }) =>
      `${name} ${digest} ${platform?.os}/${platform?.architecture}`,
  );
}

const webLine = `${webName} ${web.root.digest} linux/amd64`;
const jobLine = `localhost/job:2 ${job.root.digest} linux/amd64`;
const bothLines = [
  `localhost/both:1 ${web.root.digest} linux/amd64`,
  `localhost/both:1 ${arm.root.digest} linux/arm64`,
];

describe('save and load', () => {
  test.each(['oci', 'oci-archive'] as const)(
    'carry names, digests and platforms through %s',
    async (format) => {
      const output = join(root, `carried-${format}`);
      const names = ['acme/web:1', 'localhost/job:2', 'store:localhost/both:1'];
      const saved = await save(full, names, output, { format });
      expect(saved.images.map(({ reference }) => reference)).toEqual([
        webName,
        'localhost/job:2',
        'localhost/both:1',
      ]);
      const store = await emptyStore();
      await load(store, output);
      expect(await contentsOf(store)).toEqual([webLine, ...bothLines, jobLine]);
    },
  );

  test('carry config and layers through docker-archive, where no manifest can be', async () => {
    const output = join(root, 'docker.tar');
    await save(full, ['acme/web:1', 'localhost/job:2'], output, { format: 'docker-archive' });
    const store = await emptyStore();
    const loaded = await load(store, output);
    expect(loaded.map(({ reference }) => reference)).toEqual([webName, 'localhost/job:2']);
    for (const layer of [...web.layers, ...job.layers]) {
      expect(await store.layers.has(layer.diffID)).toBe(true);
    }
    const again = join(root, 'docker-again.tar');
    await save(store, ['acme/web:1', 'localhost/job:2'], again, { format: 'docker-archive' });
    expect(digestOf(readFileSync(again))).toBe(digestOf(readFileSync(output)));
  });

  test('load takes only the image that is named, and all platforms that are whole', async () => {
    const index = buildIndex([web, arm]);
    const partial = new Map(index.blobs);
    for (const { descriptor } of arm.layers) partial.delete(descriptor.digest);
    const output = join(root, 'partial.tar');
    const images = [[['x:1'], { ...index, blobs: partial }] as const, [['y:1'], job] as const];
    await writeFile(output, gzipSync(archiveOf(ociMembers(images))));
    const store = await emptyStore();
    await load(store, output, { name: 'x:1' });
    expect(await contentsOf(store)).toEqual([
      `docker.io/library/x:1 ${web.root.digest} linux/amd64`,
    ]);
    await expect(load(store, output, { name: 'z' })).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
    });
  });

  test('load fails by its code when no platform of an image is whole', async () => {
    const blobs = new Map([...web.blobs].filter(([digest]) => digest !== web.config.digest));
    const output = join(root, 'nothing-whole.tar');
    await writeFile(output, archiveOf(ociMembers([[['x'], { ...web, blobs }]])));
    await expect(load(await emptyStore(), output)).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      message: expect.stringContaining('no platform with all its blobs'),
    });
  });

  test('load and save end when indexes list the same index thousands of times', async () => {
    let image: Image = web;
    for (let depth = 0; depth < 4; depth += 1) {
      image = buildIndex(Array.from({ length: 1000 }, () => image));
    }
    const folder = join(root, 'many');
    await writeLayout(folder, 'x', image);
    const store = await emptyStore();
    expect(await load(store, folder)).toHaveLength(1);
    await save(store, [`oci:${folder}`], join(root, 'many.tar'));
  });

  test('load names what has no full name after the file', async () => {
    const output = join(root, 'My App.tar');
    await writeFile(
      output,
      archiveOf(
        ociMembers([
          [['v1'], web],
          [[], job],
        ]),
      ),
    );
    const store = await emptyStore();
    await load(store, output);
    expect((await contentsOf(store)).map((line) => line.split(' ')[0])).toEqual([
      'localhost/my-app:latest',
      'localhost/my-app:v1',
    ]);
  });
});

describe('save', () => {
  test('writes the same bytes each time', async () => {
    for (const format of ['oci-archive', 'docker-archive'] as const) {
      const digests = ['one', 'two'].map(async (name) => {
        const output = join(root, `${name}-${format}`);
        await save(full, ['acme/web:1', 'localhost/job:2'], output, { format });
        return digestOf(await readFile(output));
      });
      expect(new Set(await Promise.all(digests)).size).toBe(1);
    }
  });

  test('goes by the shape of the output when no format is given', async () => {
    await mkdir(join(root, 'folder'));
    for (const [output, format] of [
      ['folder', 'oci'],
      ['new-folder/', 'oci'],
      ['file', 'oci-archive'],
    ] as const) {
      expect(await save(full, ['acme/web:1'], join(root, output))).toMatchObject({ format });
    }
  });

  test('adds to a layout, and replaces an image of the same name', async () => {
    const output = join(root, 'grown');
    await writeLayout(output, 'other', arm);
    await save(full, ['acme/web:1'], output);
    await tagImage(full, 'localhost/job:2', 'example.com/moved:1');
    await save(full, ['acme/web:1', 'example.com/moved:1'], output);
    const { manifests }: { manifests: Descriptor[] } = JSON.parse(
      await readFile(join(output, 'index.json'), 'utf8'),
    );
    expect(manifests.map(({ digest }) => digest)).toEqual([
      arm.root.digest,
      web.root.digest,
      job.root.digest,
    ]);
    await removeImages(full, ['example.com/moved:1']);
  });

  test('takes one platform when it is named, and linux/amd64 for a docker-archive', async () => {
    const output = join(root, 'one-platform');
    const saved = await save(full, ['localhost/both:1'], output, { platform: 'linux/arm64' });
    expect(saved.images[0]?.digest).toBe(arm.root.digest);
    const docker = join(root, 'both.tar');
    await save(full, ['localhost/both:1'], docker, { format: 'docker-archive' });
    const store = await emptyStore();
    await load(store, docker);
    expect(await store.layers.has(arm.layers[0]?.diffID ?? web.layers[0]?.diffID ?? never())).toBe(
      false,
    );
  });

  test('copies from a location that is not in the store', async () => {
    const folder = join(root, 'source');
    await writeLayout(folder, 'x', job);
    const store = await emptyStore();
    const output = join(root, 'copied.tar');
    await save(store, [`oci:${folder}:x`], output, { format: 'docker-archive' });
    expect((await load(await emptyStore(), output))[0]?.reference).toBe('localhost/source:x');
  });

  test('leaves the output as it was when it fails', async () => {
    const folder = join(root, 'rotten');
    await writeLayout(folder, 'x', web);
    const [layer] = web.layers;
    const blob = join(folder, 'blobs/sha256', hexOf(layer?.descriptor.digest ?? never()));
    await writeFile(blob, Buffer.alloc(layer?.descriptor.size ?? 0));
    await mkdir(join(root, 'clean'));
    const output = join(root, 'clean', 'kept.tar');
    await writeFile(output, 'before');
    await expect(save(full, [`oci:${folder}`], output)).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
    expect(readdirSync(join(root, 'clean'))).toEqual(['kept.tar']);
    expect(readFileSync(output, 'utf8')).toBe('before');
  });

  test('refuses a folder of other things, and an image that is not there', async () => {
    await mkdir(join(root, 'other'));
    await writeFile(join(root, 'other', 'letter.txt'), 'Dear');
    await expect(save(full, ['acme/web:1'], join(root, 'other'))).rejects.toMatchObject({
      code: 'OUTPUT_UNUSABLE',
      message: expect.stringContaining('letter.txt'),
    });
    await expect(
      save(full, ['acme/web:1'], join(root, 'other', 'letter.txt', 'below/')),
    ).rejects.toMatchObject({ code: 'OUTPUT_UNUSABLE' });
    await expect(save(full, ['nothing'], join(root, 'n.tar'))).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      hint: 'osv-convert images',
    });
  });
});

describe('tagImage and removeImages', () => {
  test('give a name to all platforms of an image, and take it away', async () => {
    const store = await emptyStore();
    await put(store, 'localhost/both:1', web);
    await put(store, 'localhost/both:1', arm);
    await put(store, 'docker.io/library/app:latest', job);
    expect(await tagImage(store, 'localhost/both:1', 'app')).toMatchObject({
      reference: 'docker.io/library/app:latest',
    });
    expect((await contentsOf(store)).filter((line) => line.includes('library/app'))).toEqual([
      `docker.io/library/app:latest ${web.root.digest} linux/amd64`,
      `docker.io/library/app:latest ${arm.root.digest} linux/arm64`,
    ]);
    await expect(removeImages(store, ['app', 'nothing'])).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
    });
    expect(await removeImages(store, ['app', 'localhost/both:1'])).toHaveLength(2);
    expect(await contentsOf(store)).toEqual([]);
  });

  test('refuse a digest as a new name', async () => {
    const name = `x@${web.root.digest}`;
    await expect(tagImage(full, 'acme/web:1', name)).rejects.toMatchObject({
      code: 'REFERENCE_INVALID',
      hint: 'osv-convert tag acme/web:1 x',
    });
  });
});

describe('other tools', () => {
  const installed = (tool: string) => spawnSync(tool, ['--version']).status === 0;
  const skopeo = (...args: string[]) =>
    execFileSync('skopeo', ['--insecure-policy', ...args], { encoding: 'utf8' });

  test.runIf(installed('skopeo'))('skopeo reads what save wrote, digest for digest', async () => {
    const names = ['acme/web:1', 'localhost/job:2', 'localhost/both:1'];
    const folder = join(root, 'skopeo-layout');
    const archive = join(root, 'skopeo-oci.tar');
    await save(full, names, folder, { format: 'oci' });
    await save(full, names, archive);
    for (const from of [`oci:${folder}`, `oci-archive:${archive}`]) {
      for (const [name, image] of [
        [webName, web],
        ['localhost/job:2', job],
      ] as const) {
        const raw = skopeo('inspect', '--raw', `${from}:${name}`);
        expect(digestOf(Buffer.from(raw))).toBe(image.root.digest);
        skopeo('copy', '-q', `${from}:${name}`, `oci:${join(root, 'skopeo-copy')}:x`);
      }
      const index = skopeo('inspect', '--raw', `${from}:localhost/both:1`);
      expect(JSON.parse(index).manifests).toHaveLength(2);
    }
  });

  test.runIf(installed('skopeo'))('skopeo and docker-archives go both ways', async () => {
    const ours = join(root, 'ours.tar');
    const theirs = join(root, 'theirs.tar');
    const copy = join(root, 'docker-copy');
    await save(full, ['acme/web:1', 'localhost/job:2'], ours, { format: 'docker-archive' });
    for (const [name, image] of [
      [webName, web],
      ['localhost/job:2', job],
    ] as const) {
      const plain = '--dest-oci-accept-uncompressed-layers';
      skopeo('copy', '-q', plain, `docker-archive:${ours}:${name}`, `oci:${copy}:x`);
      const manifest = JSON.parse(skopeo('inspect', '--raw', `oci:${copy}:x`));
      expect(manifest.layers.map(({ digest }: Descriptor) => digest)).toEqual(
        image.layers.map(({ diffID }) => diffID),
      );
      await rm(theirs, { force: true });
      skopeo('copy', '-q', `oci:${copy}:x`, `docker-archive:${theirs}:${name}`);
      const store = await emptyStore();
      const [loaded] = await load(store, theirs);
      expect(loaded?.reference).toBe(name);
      for (const { diffID } of image.layers) expect(await store.layers.has(diffID)).toBe(true);
      const config = JSON.parse(skopeo('inspect', '--raw', '--config', `oci:${copy}:x`));
      expect(config.rootfs.diff_ids).toEqual(image.layers.map(({ diffID }) => diffID));
    }
  });

  test.runIf(installed('skopeo'))('load reads what skopeo wrote as oci-archive', async () => {
    const folder = join(root, 'for-skopeo');
    await writeLayout(folder, 'x', web);
    const archive = join(root, 'by-skopeo.tar');
    skopeo('copy', '-q', `oci:${folder}:x`, `oci-archive:${archive}:${webName}`);
    const store = await emptyStore();
    await load(store, archive);
    expect(await contentsOf(store)).toEqual([webLine]);
  });

  test.runIf(installed('umoci'))('umoci reads what save wrote', async () => {
    const folder = join(root, 'umoci-layout');
    await save(full, ['acme/web:1'], folder, { format: 'oci' });
    const args = ['stat', '--image', `${folder}:${webName}`, '--json'];
    expect(JSON.parse(execFileSync('umoci', args, { encoding: 'utf8' })).history).toBeDefined();
  });

  // A test that is not there would not be missed: the report names the tool that was.
  for (const tool of ['skopeo', 'umoci'].filter((name) => !installed(name))) {
    test.skip(`${tool} reads what save wrote (left out: ${tool} is not installed)`, () => {});
  }
});

test('the commands save, load, tag and rm print what they did', async () => {
  const output = join(root, 'cli.tar');
  const at = (store: Store) => ['--store', store.path, '--json'];
  const saved = await runCli(['save', 'acme/web:1', '-o', output, ...at(full)]);
  expect(JSON.parse(saved.stdout)).toMatchObject({ output, format: 'oci-archive' });
  const store = await emptyStore();
  const loaded = await runCli(['load', output, ...at(store)]);
  expect(JSON.parse(loaded.stdout)).toEqual({
    images: [{ reference: webName, digest: web.root.digest, platform: 'linux/amd64' }],
  });
  const tagged = await runCli(['tag', 'acme/web:1', 'app:2', ...at(store)]);
  expect(JSON.parse(tagged.stdout)).toEqual({
    reference: 'docker.io/library/app:2',
    digests: [web.root.digest],
  });
  const removed = await runCli(['rm', 'acme/web:1', 'app:2', ...at(store)]);
  expect(JSON.parse(removed.stdout)).toEqual({ removed: [webName, 'docker.io/library/app:2'] });
  expect((await runCli(['rm', 'app:2', ...at(store)])).code).toBe(3);
});

function never(): never {
  throw new Error('the image has no such layer');
}
