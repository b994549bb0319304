import { type DiffID, hexOf } from '../../store/index.ts';
import { parseReference } from '../oci/reference.ts';
import { type LayoutFile, type OutgoingBlob, smallFile } from './layout.ts';

/** An image of one platform with its layers as plain tars, from the bottom up. */
export interface PlainImage {
  readonly name: string;
  readonly config: OutgoingBlob;
  readonly layers: readonly PlainLayer[];
}

export interface PlainLayer {
  readonly diffID: DiffID;
  readonly size: number;
  open(): AsyncIterable<Uint8Array>;
}

/**
 * The files of what `docker load`, podman and skopeo's `docker-archive:` read (Docker image
 * specification v1.2, "Combined Image JSON + Filesystem Changeset Format"). An image of several
 * names, and a layer of several images, stand in it once.
 */
export function dockerFiles(images: readonly PlainImage[]): readonly LayoutFile[] {
  const items = new Map<string, { Config: string; RepoTags: string[]; Layers: string[] }>();
  const files = new Map<string, LayoutFile>();
  for (const { name, config, layers } of images) {
    const Config = `${hexOf(config.digest)}.json`;
    files.set(Config, { path: Config, size: config.size, open: config.open });
    const Layers = layers.map(({ diffID, size, open }) => {
      const path = `${hexOf(diffID)}.tar`;
      files.set(path, { path, size, open });
      return path;
    });
    const item = items.get(Config) ?? { Config, RepoTags: [], Layers };
    item.RepoTags.push(...repoTagsOf(name));
    items.set(Config, item);
  }
  return [...files.values(), smallFile('manifest.json', JSON.stringify([...items.values()]))];
}

/** Only names with a tag can stand in such an archive; an image without one is loaded nameless. */
function repoTagsOf(name: string): readonly string[] {
  try {
    return parseReference(name).digest === undefined ? [name] : [];
  } catch {
    return [];
  }
}
