import { type Descriptor, type Digest, digestOf } from '../../../store/index.ts';
import { documentsOf, type Image } from '../image.ts';
import { type Answer, errorAnswer } from './answer.ts';

interface Repository {
  /** By digest and by tag. */
  readonly manifests: Map<string, { readonly mediaType: string; readonly body: Uint8Array }>;
  readonly blobs: Map<string, Uint8Array>;
}

export type Contents = ReturnType<typeof createContents>;

/** What a registry holds, repository by repository; `images` by their names, `REPOSITORY:TAG`. */
export function createContents(images: Readonly<Record<string, Image>>) {
  const repositories = new Map<string, Repository>();

  function repositoryOf(name: string): Repository {
    const known = repositories.get(name) ?? { manifests: new Map(), blobs: new Map() };
    repositories.set(name, known);
    return known;
  }

  function putManifest(name: string, key: string, mediaType: string, body: Uint8Array): Digest {
    const digest = digestOf(body);
    for (const each of [digest, key]) repositoryOf(name).manifests.set(each, { mediaType, body });
    return digest;
  }

  for (const [name, image] of Object.entries(images)) {
    const [repository = '', tag = ''] = name.split(':');
    for (const { mediaType, digest } of documentsOf(image)) {
      const key = digest === image.root.digest ? tag : digest;
      putManifest(repository, key, mediaType, image.blobs.get(digest) ?? Buffer.alloc(0));
    }
    for (const [digest, body] of image.blobs) repositoryOf(repository).blobs.set(digest, body);
  }

  function manifest(name: string, key: string): Answer {
    const found = repositories.get(name)?.manifests.get(key);
    if (found === undefined) {
      return errorAnswer(404, 'MANIFEST_UNKNOWN', 'manifest unknown');
    }
    const { mediaType, body } = found;
    const headers = { 'content-type': mediaType, 'docker-content-digest': digestOf(body) };
    return { status: 200, headers, body };
  }

  /** `name` undefined: a blob of any repository, as the data host serves it. */
  function blob(name: string | undefined, digest: string): Answer {
    const places = name === undefined ? [...repositories.values()] : [repositories.get(name)];
    const body = places.map((each) => each?.blobs.get(digest)).find((each) => each !== undefined);
    return body === undefined
      ? errorAnswer(404, 'BLOB_UNKNOWN', 'blob unknown to registry')
      : { status: 200, headers: { 'content-type': 'application/octet-stream' }, body };
  }

  return {
    manifest,
    blob,
    putManifest,
    blobBytes: (name: string, digest: string) => repositories.get(name)?.blobs.get(digest),
    putBlob: (name: string, digest: string, body: Uint8Array) =>
      void repositoryOf(name).blobs.set(digest, body),
    /** Undefined for a repository that is not there. */
    tags: (name: string) =>
      repositories.has(name)
        ? [...repositoryOf(name).manifests.keys()].filter((key) => !key.includes(':')).sort()
        : undefined,
    /** Descriptors of the manifests whose `subject` is `digest`. */
    referrers(name: string, digest: string): readonly Descriptor[] {
      const found: Descriptor[] = [];
      for (const [key, { mediaType, body }] of repositories.get(name)?.manifests ?? []) {
        const own = digestOf(body);
        const document = JSON.parse(Buffer.from(body).toString());
        if (key !== own || document.subject?.digest !== digest) continue;
        const { artifactType = document.config?.mediaType, annotations } = document;
        found.push({
          mediaType,
          digest: own,
          size: body.length,
          artifactType,
          ...(annotations && { annotations }),
        });
      }
      return found;
    },
  };
}
