import { describe, expect, it } from 'vitest';
import type { ConvertEvent } from '../../../src/event.ts';
import { parsePlatform } from '../../../src/oci/platform.ts';
import { obtain, pull, pullPlatforms } from '../../../src/pull/pull.ts';
import type { Descriptor } from '../../../store/index.ts';
import { descriptorOf, jsonBytes, mediaTypes } from '../../support/descriptor.ts';
import { buildIndex, type Image } from '../../support/image.ts';
import { amd64, arm64, asked, at, blobsOf, both, emptyStore, imageOf, start } from './pulling.ts';

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
