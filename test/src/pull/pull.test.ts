import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Config, Mirror } from '../../../src/config.ts';
import type { ConvertEvent } from '../../../src/event.ts';
import { parsePlatform } from '../../../src/oci/platform.ts';
import { lockImage, readLockFile } from '../../../src/pull/lock-file.ts';
import { obtain, type PullOptions, pull, pullPlatforms } from '../../../src/pull/pull.ts';
import { type Descriptor, openStore, type Store } from '../../../store/index.ts';
import { archiveOf, dockerMembers } from '../../support/archives.ts';
import { descriptorOf, jsonBytes, mediaTypes } from '../../support/descriptor.ts';
import { type BuiltImage, buildImage, buildIndex, type Image } from '../../support/image.ts';
import { file } from '../../support/layers.ts';
import { writeLayout } from '../../support/layout.ts';
import { instantPace } from '../../support/pace.ts';
import type { Fault } from '../../support/registry/faults.ts';
import { type Registry, startRegistry } from '../../support/registry/registry.ts';

const imageOf = (architecture: string, text = 'one'): BuiltImage =>
  buildImage({ layers: [[file('base', 'shared')], [file('app', text)]], architecture });

const [amd64, arm64] = [imageOf('amd64'), imageOf('arm64')];
const both = buildIndex([amd64, arm64]);
const later = buildIndex([imageOf('amd64', 'two'), arm64]);
const images = { 'app:1.0': both, 'app:2.0': later };

let folder = '';
let stores = 0;
const started: Registry[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-pull-'));
});

afterEach(async () => {
  for (const registry of started.splice(0)) await registry.close();
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function emptyStore(): Promise<Store> {
  stores += 1;
  return await openStore(join(folder, `store-${stores}`));
}

async function start(
  faults: readonly Fault[] = [],
  held: Readonly<Record<string, Image>> = images,
): Promise<Registry> {
  const registry = await startRegistry({ images: held, faults });
  started.push(registry);
  return registry;
}

/** Pulls at a pace at which nothing takes time. */
const at = (options: PullOptions = {}): PullOptions => ({
  ...options,
  registry: { pace: instantPace() },
});

const behind = ({ host }: Registry, ...mirrors: readonly Mirror[]): Config => ({
  mirrors: { [host]: mirrors },
});

/** What was asked for, as `manifests/1.0` or `blobs/NUMBER`, by the place of the blob in `both`. */
const asked = ({ requests }: Registry): readonly string[] =>
  requests.map(({ path }) => path.replace(/^\/v2\/(?:.*\/)?app\//, ''));

const everyBlob = (image: BuiltImage): readonly string[] =>
  [...image.layers.map(({ descriptor }) => descriptor), image.config]
    .map(({ digest }) => `blobs/${digest}`)
    .sort();

const blobsOf = (registry: Registry): readonly string[] =>
  asked(registry)
    .filter((path) => path.startsWith('blobs/'))
    .sort();

describe('pull', () => {
  it('brings several platforms under one name, each blob once, and asks once what the name means', async () => {
    const [registry, store] = [await start(), await emptyStore()];
    const name = `${registry.host}/app:1.0`;
    const wanted = ['linux/amd64', 'linux/arm64'].map(parsePlatform);
    const pulled = await pullPlatforms(store, name, wanted, at());

    expect(pulled.meaning).toEqual({
      digest: both.root.digest,
      platforms: { 'linux/amd64': amd64.root.digest, 'linux/arm64': arm64.root.digest },
    });
    expect(asked(registry).filter((path) => path === 'manifests/1.0')).toHaveLength(1);
    expect(new Set(blobsOf(registry)).size).toBe(blobsOf(registry).length);
    expect((await store.refs.list()).map((ref) => [ref.name, ref.descriptor.digest])).toEqual([
      [name, amd64.root.digest],
      [name, arm64.root.digest],
    ]);
    for (const image of [amd64, arm64]) {
      const architecture = image.root.platform?.architecture ?? '';
      const found = await obtain(
        store,
        name,
        at({ platform: `linux/${architecture}`, pull: 'never' }),
      );
      expect(found.descriptor.digest).toBe(image.root.digest);
    }
  });

  it('tells what it is about to fetch before it fetches it', async () => {
    const [registry, store] = [await start(), await emptyStore()];
    const events: ConvertEvent[] = [];
    await pull(store, `${registry.host}/app:1.0`, at({ onEvent: (event) => events.push(event) }));
    expect(events.slice(0, 2)).toEqual([
      { event: 'resolved', reference: `${registry.host}/app:1.0`, digest: amd64.root.digest },
      {
        event: 'planned',
        blobs: amd64.layers.map(({ descriptor: { digest, size } }) => ({ digest, size })),
      },
    ]);
  });

  it('takes the configured platform where none is named', async () => {
    const [registry, store] = [await start(), await emptyStore()];
    const config = { platform: 'linux/arm64', mirrors: {} };
    const image = await pull(store, `${registry.host}/app:1.0`, at({ config }));
    expect(image.platform).toBe('linux/arm64');
  });
});

/** An index over descriptors of indexes or manifests, with the blobs of what they lead to. */
function indexOver(parts: readonly Image[], entries = parts.map(({ root }) => bare(root))): Image {
  const bytes = jsonBytes({
    schemaVersion: 2,
    mediaType: mediaTypes.oci.index,
    manifests: entries,
  });
  const root = descriptorOf(mediaTypes.oci.index, bytes);
  return {
    root,
    blobs: new Map([...parts.flatMap(({ blobs }) => [...blobs]), [root.digest, bytes]]),
  };
}

function bare({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

describe('pull of nested indexes', () => {
  const pullOne = async (image: Image, platform = 'linux/arm64') =>
    await pull(
      await emptyStore(),
      `${(await start([], { 'app:1.0': image })).host}/app:1.0`,
      at({ platform }),
    );

  it('finds the platform in whichever nested index has it', async () => {
    const image = indexOver([buildIndex([amd64]), buildIndex([arm64])]);
    expect((await pullOne(image)).descriptor.digest).toBe(arm64.root.digest);
    expect((await pullOne(image, 'linux/amd64')).descriptor.digest).toBe(amd64.root.digest);
  });

  it('opens no nested index when an entry beside it matches', async () => {
    const nested = buildIndex([imageOf('arm64', 'nested')]);
    const image = indexOver([nested, arm64], [bare(nested.root), arm64.root]);
    const registry = await start([], { 'app:1.0': image });
    const store = await emptyStore();
    await pull(store, `${registry.host}/app:1.0`, at({ platform: 'linux/arm64' }));
    expect(await store.blobs.size(nested.root.digest)).toBeUndefined();
  });

  it('says which platforms there are when none of them matches', async () => {
    const image = indexOver([buildIndex([amd64]), buildIndex([arm64])]);
    await expect(pullOne(image, 'linux/s390x')).rejects.toMatchObject({
      code: 'PLATFORM_NOT_FOUND',
      message: expect.stringContaining('linux/amd64, linux/arm64'),
    });
  });

  it.each([
    ['a list of platforms', () => buildIndex([arm64]), 'choosing the platform: found linux/arm64'],
    ['a lone image', () => arm64, 'found an image for linux/arm64 only'],
  ])('says what to publish when %s has nothing for OSv', async (_what, image, message) => {
    await expect(pullOne(image(), 'linux/amd64')).rejects.toMatchObject({
      code: 'PLATFORM_NOT_FOUND',
      message: expect.stringContaining(message),
      hint: expect.stringMatching(
        /^publish it for linux\/amd64: docker buildx build --platform linux\/amd64, or dotnet publish --os linux --arch x64 \/t:PublishContainer\nor, for other machines: .*--platform linux\/arm64/,
      ),
    });
  });

  const nest = (image: Image, depth: number): Image =>
    depth === 0 ? image : nest(indexOver([image]), depth - 1);

  it('follows them four deep and no deeper', async () => {
    expect((await pullOne(nest(buildIndex([arm64]), 4))).platform).toBe('linux/arm64');
    await expect(pullOne(nest(buildIndex([arm64]), 5))).rejects.toMatchObject({
      code: 'MANIFEST_INVALID',
      message: expect.stringContaining('nested deeper than 4'),
    });
  });

  const empty = (number: number): Image => {
    const bytes = jsonBytes({
      schemaVersion: 2,
      manifests: [],
      annotations: { number: `${number}` },
    });
    const root = descriptorOf(mediaTypes.oci.index, bytes);
    return { root, blobs: new Map([[root.digest, bytes]]) };
  };

  it('opens a limited number of them', async () => {
    const many = Array.from({ length: 70 }, (_, number) => empty(number));
    await expect(pullOne(indexOver(many))).rejects.toMatchObject({
      code: 'MANIFEST_INVALID',
      message: expect.stringContaining('more than 64 indexes'),
    });
  });

  it('takes a limited number of entries in all of them together', async () => {
    const crowd = (number: number): Image => {
      const entries = Array.from({ length: 3000 }, (_, at) => ({
        ...amd64.root,
        platform: { os: 'linux', architecture: `made-up-${number}-${at}` },
      }));
      return indexOver([amd64], entries);
    };
    await expect(pullOne(indexOver([crowd(1), crowd(2)]))).rejects.toMatchObject({
      code: 'MANIFEST_INVALID',
      message: expect.stringContaining('more than 4096 entries'),
    });
  });
});

describe('pull with mirrors', () => {
  it('asks a mirror first, below its prefix, and the registry for nothing when it has all', async () => {
    const [registry, store] = [await start(), await emptyStore()];
    const mirror = await start([], { 'hub/app:1.0': both });
    const config = behind(registry, { location: `${mirror.host}/hub` });
    const image = await pull(store, `${registry.host}/app:1.0`, at({ config }));
    expect(image).toMatchObject({
      name: `${registry.host}/app:1.0`,
      descriptor: { digest: amd64.root.digest },
    });
    expect(registry.requests).toEqual([]);
    expect(mirror.requests.every(({ path }) => path.startsWith('/v2/hub/app/'))).toBe(true);
  });

  it('reaches a mirror by its own scheme, not by that of the registry', async () => {
    const [registry, mirror] = [await start(), await start()];
    const name = `${registry.host}/app:1.0`;
    const pullBy = async (change: Partial<Mirror>) =>
      await pull(await emptyStore(), name, {
        config: behind(registry, { location: mirror.host, ...change }),
        registry: { pace: instantPace(), plainHttp: false },
      });
    expect((await pullBy({})).descriptor.digest).toBe(amd64.root.digest);
    expect((await pullBy({ plainHttp: true })).descriptor.digest).toBe(amd64.root.digest);
    await expect(pullBy({ plainHttp: false })).rejects.toMatchObject({ code: 'REGISTRY_TLS' });
  });

  it('takes what a mirror says a tag means as it is', async () => {
    const [registry, store] = [await start(), await emptyStore()];
    const stale = await start([], { 'app:2.0': both });
    const config = behind(registry, { location: stale.host });
    const image = await pull(store, `${registry.host}/app:2.0`, at({ config }));
    expect(image.descriptor.digest).toBe(amd64.root.digest);
  });

  it('asks a digest-only mirror for content by digest, never for a tag', async () => {
    const [registry, mirror, store] = [await start(), await start(), await emptyStore()];
    const config = behind(registry, { location: mirror.host, digestOnly: true });
    await pull(store, `${registry.host}/app:1.0`, at({ config }));
    expect(asked(registry)).toEqual(['manifests/1.0']);
    expect(asked(mirror)).not.toContain('manifests/1.0');
    expect(blobsOf(mirror)).toEqual(everyBlob(amd64));

    const pinned = `${registry.host}/app@${both.root.digest}`;
    await pull(await emptyStore(), pinned, at({ config }));
    expect(asked(registry)).toEqual(['manifests/1.0']);
  });

  it.each([
    ['is not there', [{ on: 'manifest', flaw: { kind: 'status', status: 404 } }]],
    ['is denied', [{ on: 'manifest', flaw: { kind: 'status', status: 403 } }]],
    ['fails', [{ on: 'manifest', flaw: { kind: 'status', status: 500 } }]],
    ['has no blob', [{ on: 'blob', flaw: { kind: 'status', status: 404 } }]],
    ['cuts blobs short', [{ on: 'blob', flaw: { kind: 'truncate', to: 10 } }]],
  ] as const)('goes on to the next with one warning when a mirror %s', async (_how, faults) => {
    const [registry, store] = [await start(), await emptyStore()];
    const [bad, good] = [await start(faults), await start()];
    const config = behind(registry, { location: bad.host }, { location: good.host });
    const warnings: string[] = [];
    const onEvent = (event: ConvertEvent) => {
      if (event.event === 'warning' && !event.text.endsWith('trying again'))
        warnings.push(event.text);
    };
    const image = await pull(store, `${registry.host}/app:1.0`, at({ config, onEvent }));
    expect(image.descriptor.digest).toBe(amd64.root.digest);
    expect(warnings).toEqual([expect.stringContaining(`going on without mirror ${bad.host}`)]);
    expect(registry.requests).toEqual([]);
    expect(good.requests).not.toEqual([]);
  });

  it('goes on at the next byte of a blob when a mirror dies in the middle of it', async () => {
    const [registry, store] = [await start(), await emptyStore()];
    const layer = amd64.layers[0]?.descriptor.digest ?? '';
    const broken = await start([
      { on: 'blob', path: layer, times: 1, flaw: { kind: 'drop', after: 40 } },
      { on: 'blob', path: layer, flaw: { kind: 'wrong-range' } },
    ]);
    const config = behind(registry, { location: broken.host });
    await pull(store, `${registry.host}/app:1.0`, at({ config }));
    const rest = registry.requests.filter(({ path }) => path.endsWith(`/blobs/${layer}`));
    expect(rest.map(({ headers }) => headers.range)).toEqual(['bytes=40-']);
  });

  it.each([
    ['a blob', 'blob'],
    ['a manifest', 'manifest'],
  ] as const)('ends when a mirror gives other bytes for %s', async (_what, on) => {
    const [registry, store] = [await start(), await emptyStore()];
    const forger = await start([{ on, path: 'sha256:', flaw: { kind: 'corrupt' } }]);
    const config = behind(registry, { location: forger.host });
    const pulling = pull(store, `${registry.host}/app:1.0`, at({ config }));
    await expect(pulling).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(await store.refs.list()).toEqual([]);
  });
});

describe('obtain', () => {
  it('asks no registry for what the store has, unless always is the policy', async () => {
    const [registry, store] = [await start(), await emptyStore()];
    const name = `${registry.host}/app:1.0`;
    await obtain(store, name, at());
    const before = registry.requests.length;
    for (const options of [
      {},
      { pull: 'missing' },
      { pull: 'never' },
      { offline: true },
    ] as const) {
      expect((await obtain(store, name, at(options))).descriptor.digest).toBe(amd64.root.digest);
    }
    expect((await obtain(store, `store:${name}`, at())).descriptor.digest).toBe(amd64.root.digest);
    expect(registry.requests.length).toBe(before);

    await moveTag(registry);
    const moved = await obtain(store, name, at({ pull: 'always' }));
    expect(moved.descriptor.digest).not.toBe(amd64.root.digest);
  });

  it.each([
    ['offline', { offline: true }],
    ['never', { pull: 'never' }],
  ] as const)(
    'names what is missing and the command that gets it: %s',
    async (_policy, options) => {
      const [registry, store] = [await start(), await emptyStore()];
      const name = `${registry.host}/app:1.0`;
      await expect(obtain(store, name, at(options))).rejects.toMatchObject({
        code: 'OFFLINE',
        message: expect.stringContaining('found no image of that name for linux/amd64'),
        hint: `osv-convert pull --platform linux/amd64 ${name}`,
      });
      expect(registry.requests).toEqual([]);
      await pull(store, name, at({ platform: 'linux/arm64' }));
      await expect(obtain(store, name, at(options))).rejects.toMatchObject({ code: 'OFFLINE' });
      await expect(pull(store, name, at({ offline: true }))).rejects.toMatchObject({
        code: 'OFFLINE',
      });
    },
  );

  it('names the layer when the store has lost it, and pulls it again when it may', async () => {
    const [registry, store] = [await start(), await emptyStore()];
    const name = `${registry.host}/app:1.0`;
    await pull(store, name, at());
    const lost = amd64.layers[1];
    const at1 = (...parts: string[]) => join(store.path, ...parts);
    await rm(at1('layers/v2', (lost?.diffID ?? '').replace(':', '/')), { recursive: true });
    expect((await obtain(store, name, at({ offline: true }))).platform).toBe('linux/amd64');

    await rm(at1('layers/v2', (lost?.diffID ?? '').replace(':', '/')), { recursive: true });
    await rm(at1('blobs', (lost?.descriptor.digest ?? '').replace(':', '/')));
    await expect(obtain(store, name, at({ offline: true }))).rejects.toMatchObject({
      code: 'OFFLINE',
      message: expect.stringContaining(`found no layer ${lost?.descriptor.digest}`),
    });
    const before = registry.requests.length;
    await obtain(store, name, at());
    expect(asked(registry).slice(before)).toEqual([
      `manifests/${amd64.root.digest}`,
      `blobs/${lost?.descriptor.digest}`,
    ]);
  });

  it('reads a layout and an archive, offline, each time anew', async () => {
    const store = await emptyStore();
    const layout = join(folder, 'layout');
    await writeLayout(layout, 'app', both);
    const first = await obtain(store, `oci:${layout}:app`, at({ offline: true }));
    expect(first.descriptor.digest).toBe(amd64.root.digest);
    await writeLayout(layout, 'app', later);
    const second = await obtain(store, `oci:${layout}:app`, at({ offline: true }));
    expect(second.descriptor.digest).not.toBe(amd64.root.digest);

    const archive = join(folder, 'saved.tar');
    await writeFile(archive, archiveOf(dockerMembers([[['acme/app:1'], amd64]])));
    const third = await obtain(store, `docker-archive:${archive}`, at({ offline: true }));
    expect(third.layers.map(({ diffID }) => diffID)).toEqual(
      amd64.layers.map(({ diffID }) => diffID),
    );
  });
});

/** Makes app:1.0 what app:2.0 is. */
async function moveTag({ host }: Registry): Promise<void> {
  const { status } = await fetch(`http://${host}/v2/app/manifests/1.0`, {
    method: 'PUT',
    headers: { 'content-type': later.root.mediaType },
    body: Buffer.from(later.blobs.get(later.root.digest) ?? []),
  });
  expect(status).toBe(201);
}

describe('pull with a lock file', () => {
  async function locked(name: string, platforms: readonly string[]): Promise<string> {
    const path = join(folder, `${stores}.lock`);
    const wanted = platforms.map(parsePlatform);
    const { meaning } = await pullPlatforms(await emptyStore(), name, wanted, at());
    if (meaning === undefined) throw new Error('the pull told no meaning');
    await lockImage(path, name, meaning);
    return path;
  }

  it('gives what was locked after the tag has moved, without asking for the tag', async () => {
    const registry = await start();
    const name = `${registry.host}/app:1.0`;
    const lock = await readLockFile(await locked(name, ['linux/amd64']));
    await moveTag(registry);
    const before = registry.requests.length;
    const store = await emptyStore();
    const image = await obtain(store, name, at({ lock }));
    expect(image).toMatchObject({ name, descriptor: { digest: amd64.root.digest } });
    expect(asked(registry).slice(before)).not.toContain('manifests/1.0');

    // The store's image of that name is not the locked one; the locked one is still there.
    await pull(store, name, at());
    expect((await obtain(store, name, at({ pull: 'never' }))).descriptor.digest).not.toBe(
      amd64.root.digest,
    );
    expect((await obtain(store, name, at({ pull: 'never', lock }))).descriptor.digest).toBe(
      amd64.root.digest,
    );
  });

  it('refuses a name or a platform that was not locked', async () => {
    const registry = await start();
    const name = `${registry.host}/app:1.0`;
    const lock = await readLockFile(await locked(name, ['linux/amd64']));
    const before = registry.requests.length;
    for (const [text, options] of [
      [`${registry.host}/app:2.0`, {}],
      [name, { platform: 'linux/arm64' }],
      [`${registry.host}/app:2.0`, { pull: 'always' }],
    ] as const) {
      await expect(
        obtain(await emptyStore(), text, at({ ...options, lock })),
      ).rejects.toMatchObject({
        code: 'LOCK_MISSING',
      });
    }
    expect(registry.requests.length).toBe(before);
  });

  it('finds out that a layout has changed, and that a lock file was', async () => {
    const layout = join(folder, 'locked-layout');
    await writeLayout(layout, 'app', both);
    const text = `oci:${layout}:app`;
    const { name, meaning } = await pullPlatforms(
      await emptyStore(),
      text,
      [parsePlatform('linux/amd64')],
      at(),
    );
    if (meaning === undefined) throw new Error('the pull told no meaning');
    const lockOf = (change: Partial<typeof meaning>) => ({
      path: 'x.lock',
      images: { [name]: { ...meaning, ...change } },
    });
    expect((await obtain(await emptyStore(), text, at({ lock: lockOf({}) }))).name).toBe(name);
    const forged = lockOf({ platforms: { 'linux/amd64': arm64.root.digest } });
    await expect(obtain(await emptyStore(), text, at({ lock: forged }))).rejects.toMatchObject({
      code: 'LOCK_MISMATCH',
      message: expect.stringContaining(`found ${amd64.root.digest}, wanted ${arm64.root.digest}`),
    });
    await writeLayout(layout, 'app', later);
    await expect(obtain(await emptyStore(), text, at({ lock: lockOf({}) }))).rejects.toMatchObject({
      code: 'LOCK_MISMATCH',
      message: expect.stringContaining(`found ${later.root.digest}, wanted ${both.root.digest}`),
    });
  });
});

describe('lockImage', () => {
  const [a, b] = [amd64.root.digest, arm64.root.digest];

  it('writes the same bytes in whatever order images are locked', async () => {
    const entries = [
      ['z/app:1', { digest: a, platforms: { 'linux/arm64': b, 'linux/amd64': a } }],
      ['a/app:1', { digest: b, platforms: { 'linux/amd64': b } }],
    ] as const;
    const paths = ['forth', 'back'].map((name) => join(folder, `${name}.lock`));
    for (const [name, image] of entries) await lockImage(paths[0] ?? '', name, image);
    for (const [name, image] of entries.toReversed()) await lockImage(paths[1] ?? '', name, image);
    const [forth, back] = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
    expect(forth).toBe(back);
    expect(forth).toBe(
      `${JSON.stringify(
        {
          lockVersion: 1,
          images: {
            'a/app:1': { digest: b, platforms: { 'linux/amd64': b } },
            'z/app:1': { digest: a, platforms: { 'linux/amd64': a, 'linux/arm64': b } },
          },
        },
        undefined,
        2,
      )}\n`,
    );
  });

  it('adds a platform to what it knows, and forgets all of them when the name means something else', async () => {
    const path = join(folder, 'grown.lock');
    await lockImage(path, 'app', { digest: a, platforms: { 'linux/amd64': a } });
    await lockImage(path, 'app', { digest: a, platforms: { 'linux/arm64': b } });
    expect((await readLockFile(path)).images['app']?.platforms).toEqual({
      'linux/amd64': a,
      'linux/arm64': b,
    });
    await lockImage(path, 'app', { digest: b, platforms: { 'linux/arm64': b } });
    expect((await readLockFile(path)).images['app']).toEqual({
      digest: b,
      platforms: { 'linux/arm64': b },
    });
  });

  it.each([
    ['no JSON', '{', 'found no JSON'],
    ['another version', '{"lockVersion":2,"images":{}}', 'at /lockVersion: found 2'],
    ['an unknown member', '{"lockVersion":1,"images":{},"more":1}', '"more"'],
    [
      'a digest that is none',
      '{"lockVersion":1,"images":{"a":{"digest":"x","platforms":{}}}}',
      'at /images/a/digest',
    ],
  ])('leaves a file alone that has %s', async (_what, text, says) => {
    const path = join(folder, 'bad.lock');
    await writeFile(path, text);
    const nothing = { digest: a, platforms: {} };
    for (const attempt of [() => readLockFile(path), () => lockImage(path, 'app', nothing)]) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'LOCK_INVALID',
        message: expect.stringContaining(says),
      });
    }
    expect(await readFile(path, 'utf8')).toBe(text);
  });

  it('says how to make a lock file when there is none', async () => {
    await expect(readLockFile(join(folder, 'none.lock'))).rejects.toMatchObject({
      code: 'LOCK_MISSING',
      hint: expect.stringContaining('osv-convert pull --lock'),
    });
  });
});
