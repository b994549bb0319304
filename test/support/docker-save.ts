import { digestOf, hexOf } from '../../store/index.ts';
import { descriptorOf, jsonBytes, mediaTypes } from './descriptor.ts';
import type { BuiltImage, Image } from './image.ts';
import { directory, file, type LayerItem } from './layers.ts';

/** An image under names of Docker Hub, such as `web:1` and `acme/web:2`; none for one saved by its ID. */
export type Saved<T extends Image = BuiltImage> = readonly [names: readonly string[], image: T];

/** What earlier versions of Docker did otherwise than 28. */
export interface DockerVersion {
  /** To 27: the descriptors of manifest and config tell the platform. */
  readonly platform?: boolean;
  /** 25.0.0: layers stand in the OCI manifest in the order of a Go map, each once. */
  readonly anyOrder?: boolean;
  /** To 25.0.2: index.json has no images without names, and says null where no other is there. */
  readonly namelessLeftOut?: boolean;
}

const layerType = 'application/vnd.oci.image.layer.v1.tar';

/** `docker.io/library/web:1` of `web:1`, as Docker's reference library normalizes it. */
const fullName = (name: string) => `docker.io/${name.includes('/') ? '' : 'library/'}${name}`;

const tagOf = (name: string) => name.slice(name.lastIndexOf(':') + 1);

const blobPath = (digest: string) => `blobs/sha256/${digest.slice('sha256:'.length)}`;

const json = (value: unknown) => Buffer.from(`${JSON.stringify(value)}\n`);

/** A layout's files, and the folders they lie in, in the order in which Go walks a folder. */
function membersOf(files: ReadonlyMap<string, Uint8Array>): LayerItem[] {
  const paths = [...files.keys()].sort();
  return [
    directory('blobs'),
    directory('blobs/sha256'),
    ...paths.map((path) => file(path, files.get(path) ?? Buffer.alloc(0))),
  ];
}

/**
 * What `docker save` writes from version 25 on with its own image store (moby, image/tarexport): a
 * layout of plain layers with manifests made for it, the configs of Docker before 1.9 among its blobs,
 * and manifest.json and `repositories`, which name the same blobs.
 */
export function dockerSave(
  images: readonly Saved[],
  { platform = false, anyOrder = false, namelessLeftOut = false }: DockerVersion = {},
): LayerItem[] {
  const files = new Map<string, Uint8Array>();
  const add = (bytes: Uint8Array) => {
    files.set(blobPath(digestOf(bytes)), bytes);
    return digestOf(bytes);
  };
  const manifests: unknown[] = [];
  const repositories: Record<string, Record<string, string>> = {};
  const items = images.map(([names, image]) => {
    const config = image.blobs.get(image.config.digest) ?? Buffer.alloc(0);
    let parent: string | undefined;
    for (const [at, { diffID, tar }] of image.layers.entries()) {
      add(tar);
      const id = hexOf(digestOf(Buffer.from(`${at} ${diffID} ${parent}`)));
      add(json({ id, ...(parent && { parent }), created: '1970-01-01T00:00:00Z', os: 'linux' }));
      parent = id;
    }
    const sources = new Map(
      image.layers.map(({ diffID, tar }) => [diffID, descriptorOf(layerType, tar)]),
    );
    const told = platform ? { platform: { architecture: 'amd64', os: 'linux' } } : {};
    const manifest = jsonBytes({
      schemaVersion: 2,
      mediaType: mediaTypes.oci.manifest,
      config: { ...descriptorOf(mediaTypes.oci.config, config), ...told },
      layers: anyOrder
        ? [...sources.values()].reverse()
        : image.layers.map(({ diffID }) => sources.get(diffID)),
    });
    add(config);
    add(manifest);
    const descriptor = { ...descriptorOf(mediaTypes.oci.manifest, manifest), ...told };
    for (const name of names) {
      const [repository = ''] = name.split(`:${tagOf(name)}`);
      const last = hexOf(digestOf(image.layers.at(-1)?.tar ?? Buffer.alloc(0)));
      repositories[repository] = { ...repositories[repository], [tagOf(name)]: last };
      const annotations = {
        'io.containerd.image.name': fullName(name),
        'org.opencontainers.image.ref.name': tagOf(name),
      };
      manifests.push({ ...descriptor, annotations });
    }
    // Only where no image before it has a name: so it still is in version 29.
    if (manifests.length === 0 && !namelessLeftOut) manifests.push(descriptor);
    return {
      Config: blobPath(image.config.digest),
      RepoTags: names.length === 0 ? null : names,
      Layers: image.layers.map(({ diffID }) => blobPath(diffID)),
      LayerSources: Object.fromEntries(sources),
    };
  });
  const index = { schemaVersion: 2, mediaType: mediaTypes.oci.index };
  files.set('index.json', jsonBytes({ ...index, manifests: manifests.length ? manifests : null }));
  files.set('manifest.json', json(items));
  files.set('oci-layout', Buffer.from('{"imageLayoutVersion": "1.0.0"}'));
  if (Object.keys(repositories).length > 0) files.set('repositories', json(repositories));
  return membersOf(files);
}

/**
 * What `docker save` writes with containerd's image store, as `ctr images export` and `nerdctl save`
 * do (containerd, images/archive): the layout of the registry's own manifests, and a manifest.json
 * that lists `listed`, the platform of the machine, even where its blobs are not there. `referrers`
 * are listed in index.json beside the images.
 */
export function containerdSave(
  [names, image]: Saved<Image>,
  listed: BuiltImage,
  referrers: readonly Image[] = [],
): LayerItem[] {
  const files = new Map<string, Uint8Array>();
  for (const { blobs } of [image, ...referrers]) {
    for (const [digest, bytes] of blobs) files.set(blobPath(digest), bytes);
  }
  const { mediaType, digest, size } = image.root;
  const manifests = [
    ...names.map((name) => ({
      ...{ mediaType, digest, size },
      annotations: {
        'containerd.io/distribution.source.docker.io': 'library/web',
        'io.containerd.image.name': fullName(name),
        'org.opencontainers.image.ref.name': tagOf(name),
      },
    })),
    ...referrers.map(({ root }) => ({
      ...descriptorOf(root.mediaType, files.get(blobPath(root.digest)) ?? Buffer.alloc(0)),
      annotations: { 'io.containerd.manifest.subject': digest },
    })),
  ];
  const item = {
    Config: blobPath(listed.config.digest),
    RepoTags: names,
    Layers: listed.layers.map(({ descriptor }) => blobPath(descriptor.digest)),
  };
  files.set('index.json', jsonBytes({ schemaVersion: 2, manifests }));
  files.set('manifest.json', jsonBytes([item]));
  files.set('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
  return membersOf(files);
}
