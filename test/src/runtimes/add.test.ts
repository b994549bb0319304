import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import { convert } from '../../../src/convert.ts';
import { load } from '../../../src/copy/load.ts';
import { save } from '../../../src/copy/save.ts';
import type { DotnetApp } from '../../../src/dotnet/app.ts';
import { listKeptRuntimes } from '../../../src/dotnet/kept-runtimes.ts';
import { parsePlatform } from '../../../src/oci/platform.ts';
import { withHealing } from '../../../src/pull/heal.ts';
import { listImages } from '../../../src/pull/image.ts';
import { lockImage, readLockFile } from '../../../src/pull/lock-file.ts';
import { type PullOptions, pullPlatforms } from '../../../src/pull/pull.ts';
import type { Report } from '../../../src/report.ts';
import { addRuntime, type RunnableTree } from '../../../src/runtimes/add.ts';
import { keepRuntime } from '../../../src/runtimes/keep.ts';
import { openNamedRuntime } from '../../../src/runtimes/open.ts';
import { withLayers } from '../../../src/tree/open-layers.ts';
import { walkTree } from '../../../src/tree/walk.ts';
import { digestOf, openStore, type Store } from '../../../store/index.ts';
import { buildImage } from '../../support/image.ts';
import { writeLayout } from '../../support/layout.ts';
import {
  core,
  describeImage,
  type ImageFiles,
  managed,
  runtime,
  treeOf,
} from '../dotnet/image-builder.ts';
import {
  failureOf,
  folder,
  folderOf,
  image,
  imageOf,
  imageWith,
  itemsOf,
  keepVersion,
  libraries,
  net10,
  store,
} from './kept-store.ts';

const asks = (version: string): DotnetApp =>
  describeImage(managed('app', { frameworks: [core(version)] }), {
    Cmd: ['dotnet', '/app/app.dll'],
  });

const build = (
  options: PullOptions & { readonly runtime?: string; readonly dotnet?: string } = {},
  app = asks('10.0.0'),
  to = store,
  files: ImageFiles = image,
): Promise<RunnableTree> =>
  withLayers(to, async (open) => {
    const hostEnv = { PATH: '/nowhere', ...(options.dotnet && { DOTNET_ROOT: options.dotnet }) };
    const whole = { ...options, hostEnv };
    return await addRuntime(
      to,
      open,
      treeOf(files),
      app,
      whole,
      await openNamedRuntime(to, open, whole, 'x64'),
    );
  });

const contentsOf = ({ tree }: RunnableTree): string[] =>
  [...walkTree(tree)]
    .map(({ path, node }) =>
      [
        path,
        node.kind,
        node.kind === 'file' ? node.content.digest : '',
        node.kind === 'symlink' ? node.target : '',
      ].join(' '),
    )
    .sort();

describe('addRuntime', () => {
  it('gives the same tree from the host and from the kept copy of its runtime', async () => {
    const dotnet = await folderOf('dotnet', net10);
    // Without the libraries, so that they come from the host, too.
    const bare = managed('app', { frameworks: [core('10.0.0')] });
    const ofHost = await build({ runtime: 'host', dotnet }, asks('10.0.0'), store, bare);
    const kept = await keepRuntime(store, 'host', {
      name: 'net',
      hostEnv: { PATH: '/nowhere', DOTNET_ROOT: dotnet },
    });
    expect(kept.origin).toBe('host');
    const ofKept = await build({ runtime: 'runtime/net' }, asks('10.0.0'), store, bare);
    expect(contentsOf(ofKept)).toEqual(contentsOf(ofHost));
    expect(contentsOf(ofKept).join('\n')).toContain('/usr/lib/libstdc++.so.6 file');

    expect(ofHost.origin).toEqual({ layer: ofHost.added[0] });
    expect(ofHost.runtime).toMatchObject({ from: 'host', hostfxr: '10.0.1' });
    expect(ofKept.origin).toEqual({ name: kept.name, manifest: kept.digest });
    expect(ofKept.runtime).toMatchObject({ from: 'kept', hostfxr: '10.0.1' });
    expect(ofKept.added).toEqual([kept.layer]);
  });

  it("takes by itself the image's runtime, else a kept one, else the host's", async () => {
    const dotnet = await folderOf('dotnet', net10);
    expect((await build({ dotnet })).runtime).toMatchObject({ from: 'host' });
    await keepVersion('9.0.9', 'nine');
    expect((await build({ dotnet })).runtime).toMatchObject({ from: 'host' });
    await keepVersion('10.0.1', 'ten');
    expect((await build({ dotnet })).runtime).toMatchObject({ from: 'kept', name: 'runtime/ten' });
    expect((await build({ dotnet, runtime: 'host' })).runtime).toMatchObject({ from: 'host' });
    const own = { ...image, ...runtime({ core: ['10.0.2'] }) };
    const { runtime: found, origin } = await build({ dotnet }, asks('10.0.0'), store, own);
    expect(found).toMatchObject({ from: 'image' });
    expect(origin).toEqual({});

    const error = await failureOf(build({}, asks('7.0.0')));
    expect(error.code).toBe('FRAMEWORK_NOT_FOUND');
    expect(error.message).toContain('runtime/nine kept in the store has 9.0.9');
    expect(error.message).toContain('runtime/ten kept in the store has 10.0.1');
  });

  it('takes a kept runtime by name and digest, and no other', async () => {
    const { digest, name } = await keepVersion('10.0.1', 'net');
    for (const text of ['net', name, `${name}@${digest}`]) {
      expect((await build({ runtime: text })).origin).toEqual({ name, manifest: digest });
    }
    const wrong = digestOf(Buffer.from('another'));
    expect(await failureOf(build({ runtime: `${name}@${wrong}` }))).toMatchObject({
      code: 'RUNTIME_NOT_FOUND',
      message: `choosing the runtime ${name}: found ${digest}, wanted ${wrong}`,
    });
    expect(await failureOf(build({ runtime: 'runtime/gone' }))).toMatchObject({
      code: 'RUNTIME_NOT_FOUND',
      message: `choosing a runtime: found ${name}, wanted runtime/gone`,
    });
    expect(await failureOf(build({ runtime: `${name}@sha256:00` }))).toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('found the digest "sha256:00"'),
    });
  });

  it('refuses a word that is a kept runtime and a folder, and the file of a runtime', async () => {
    // Tests run in the project's folder, which has one of this name.
    await keepVersion('10.0.1', 'store');
    expect(await failureOf(build({ runtime: 'store' }))).toMatchObject({
      code: 'USAGE',
      hint: 'write runtime/store or ./store',
    });
    await writeFile(join(folder, 'a.tar.gz'), '');
    expect(await failureOf(build({ runtime: join(folder, 'a.tar.gz') }))).toMatchObject({
      code: 'USAGE',
      hint: `osv-convert runtime add ${join(folder, 'a.tar.gz')}`,
    });
  });

  it('takes the runtime of an image by its digest, and tells it', async () => {
    const parts = imageOf(runtime({ core: ['10.0.3'] }), libraries);
    await writeLayout(join(folder, 'aspnet'), 'a', parts);
    const ref = `oci:${join(folder, 'aspnet')}`;
    const { runtime: found, origin } = await build({ runtime: `${ref}@${parts.root.digest}` });
    expect(found).toMatchObject({ from: 'reference', frameworks: [core('10.0.3')] });
    expect(origin).toEqual({
      name: `localhost/aspnet@${parts.root.digest}`,
      manifest: parts.root.digest,
    });
    const wrong = digestOf(Buffer.from('another'));
    expect(await failureOf(build({ runtime: `${ref}@${wrong}` }))).toMatchObject({
      code: 'IMAGE_NOT_FOUND',
    });
  });

  it('gives the same on another machine, where save and load have carried the runtime', async () => {
    const kept = await keepVersion('10.0.1', 'net');
    const here = await build({ runtime: 'runtime/net' });
    const other = await openStore(join(folder, 'other'));
    const third = await openStore(join(folder, 'third'));
    try {
      await save(store, ['runtime/net'], join(folder, 'net.tar'));
      const loaded = await load(other, join(folder, 'net.tar'));
      expect(loaded).toMatchObject([{ reference: kept.name, digest: kept.digest }]);
      expect(await listKeptRuntimes(other)).toEqual([kept]);
      expect(await listImages(other)).toEqual([]);
      const options = { runtime: 'runtime/net', offline: true };
      const there = await build(options, asks('10.0.0'), other);
      expect(contentsOf(there)).toEqual(contentsOf(here));
      expect(there.origin).toEqual(here.origin);

      await third.import(store.export({ names: ['runtime/*'] }));
      expect(await third.layers.has(kept.layer)).toBe(false);
      expect(contentsOf(await build(options, asks('10.0.0'), third))).toEqual(contentsOf(here));
      await writeTarOf(third, 'exported.tar');
      await load(other, join(folder, 'exported.tar'), { name: kept.name });
      expect(await listKeptRuntimes(other)).toEqual([kept]);
    } finally {
      await other.close();
      await third.close();
    }
  });

  async function writeTarOf(from: Store, name: string): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of from.export({ names: ['runtime/*'] }))
      chunks.push(Buffer.from(chunk));
    await writeFile(join(folder, name), Buffer.concat(chunks));
  }

  it.each([
    [{ hostfxr: 'ten' }, 'found the hostfxr "ten", wanted its version'],
    [
      { hostfxr: '10.0.1', frameworks: 'a b c' },
      'found the framework "a b c", wanted NAME VERSION',
    ],
  ])('loads no image that only says that it is a kept runtime: %j', async (said, found) => {
    const { blobs, root } = imageOf({ '/x': 'x' });
    const told = Object.entries(said).map(([key, value]) => [`osv-convert.runtime.${key}`, value]);
    const bytes = blobs.get(root.digest) ?? Buffer.alloc(0);
    const manifest = {
      ...JSON.parse(`${Buffer.from(bytes)}`),
      annotations: Object.fromEntries(told),
    };
    const forged = Buffer.from(JSON.stringify(manifest));
    const named = { ...root, digest: digestOf(forged), size: forged.length };
    await writeLayout(join(folder, 'forged'), 'runtime/net', {
      blobs: new Map([...blobs, [named.digest, forged]]),
      root: named,
    });
    expect(await failureOf(load(store, join(folder, 'forged')))).toMatchObject({
      code: 'MANIFEST_INVALID',
      message: expect.stringContaining(found),
    });
    expect(await listKeptRuntimes(store)).toEqual([]);
  });

  it('takes from the store only what a lock file names, and warns of what that cannot fix', async () => {
    const dotnet = await folderOf('dotnet', net10);
    const kept = await keepVersion('10.0.1', 'net');
    const ref = await imageWith('aspnet', runtime({ core: ['10.0.3'] }), libraries);
    const path = join(folder, 'a.lock');
    await writeFile(path, '{"lockVersion":1,"images":{}}');
    const unlocked = await readLockFile(path);
    expect(await failureOf(build({ runtime: kept.name, lock: unlocked }))).toMatchObject({
      code: 'LOCK_MISSING',
      hint: `osv-convert pull --lock ${path} --platform linux/amd64 store:runtime/net`,
    });
    expect(await failureOf(build({ runtime: ref, lock: unlocked }))).toMatchObject({
      code: 'LOCK_MISSING',
    });
    const warnings: string[] = [];
    const onEvent: PullOptions['onEvent'] = (event) => {
      if (event.event === 'warning') warnings.push(event.text);
    };
    const unfixed = await build({ dotnet, lock: unlocked, onEvent });
    expect(unfixed.runtime).toMatchObject({ from: 'host' });
    expect(warnings).toEqual([
      expect.stringContaining(
        `the runtime is that of ${dotnet} on this host, which ${path} cannot`,
      ),
    ]);

    for (const location of [`store:${kept.name}`, ref]) {
      const { name, meaning } = await pullPlatforms(
        store,
        location,
        [parsePlatform('linux/amd64')],
        {},
      );
      if (meaning === undefined) throw new Error('it was asked for');
      await lockImage(path, name, meaning);
    }
    const lock = await readLockFile(path);
    expect((await build({ runtime: kept.name, lock })).runtime).toMatchObject({ from: 'kept' });
    expect((await build({ dotnet, lock })).runtime).toMatchObject({ from: 'kept' });
    expect((await build({ runtime: ref, lock })).runtime).toMatchObject({ from: 'reference' });

    await writeLayout(join(folder, 'aspnet'), 'a', imageOf(runtime({ core: ['10.0.4'] })));
    expect(await failureOf(build({ runtime: ref, lock }))).toMatchObject({ code: 'LOCK_MISMATCH' });
  });

  it('says how to have a damaged kept runtime again, and needs none for other images', async () => {
    const { layer, name } = await keepVersion('10.0.1', 'net');
    const { path, size, close } = await store.blobs.open(layer);
    await close();
    await writeFile(path, Buffer.alloc(size));
    const own = { ...image, ...runtime({ core: ['10.0.2'] }) };
    expect((await build({}, asks('10.0.0'), store, own)).runtime).toMatchObject({ from: 'image' });
    const healed = withHealing(store, { offline: true }, () => build({ runtime: name }));
    await expect(healed).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      hint: `osv-convert runtime rm ${name}\nand then, with FROM as it was: osv-convert runtime add --name ${name} FROM`,
    });
  });
});

describe('convert', () => {
  it('gives the same disk from the host and from the kept copy of its runtime, and tells them apart', async () => {
    const dotnet = await folderOf('dotnet', net10);
    const hostEnv = { PATH: '/nowhere', DOTNET_ROOT: dotnet };
    const config = { Cmd: ['dotnet', '/app/app.dll'] };
    const app = managed('app', { frameworks: [core('10.0.0')] });
    await writeLayout(join(folder, 'app'), 'a', buildImage({ layers: [itemsOf(app)], config }));
    const kept = await keepRuntime(store, 'host', { name: 'net', hostEnv });
    const isReport = await createValidator('report');
    const disks: { readonly bytes: Buffer; readonly report: Report }[] = [];
    for (const from of ['host', dotnet, 'runtime/net']) {
      const output = join(folder, 'disk.img');
      const report = await convert(store, `oci:${join(folder, 'app')}`, output, {
        format: 'raw',
        boot: 'direct',
        runtime: from,
        hostEnv,
        force: true,
      });
      expect(isReport(JSON.parse(await readFile(`${output}.json`, 'utf8')))).toBeUndefined();
      disks.push({ bytes: await readFile(output), report });
    }
    const [ofHost, ofFolder, ofKept] = disks;
    expect(ofHost?.bytes.equals(ofKept?.bytes ?? Buffer.alloc(0))).toBe(true);
    expect(ofHost?.bytes.equals(ofFolder?.bytes ?? Buffer.alloc(0))).toBe(true);
    const { runtime: told, added, ...same } = ofHost?.report ?? {};
    expect(ofKept?.report).toEqual({
      ...same,
      added: [kept.layer],
      runtime: {
        from: 'kept',
        frameworks: [core('10.0.1')],
        hostfxr: '10.0.1',
        name: 'runtime/net',
        manifest: kept.digest,
      },
    });
    expect(told).toMatchObject({ from: 'host', hostfxr: '10.0.1', layer: added?.[0] });
    expect(ofFolder?.report.runtime).toEqual({ ...told, from: 'folder' });
  });
});
