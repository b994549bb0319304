import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Descriptor, type Digest, hexOf } from '../../store/index.ts';
import { fileOfBlob, manifestsOf } from './layout-writer.ts';

/**
 * The images of a layout as docker-registry keeps them, so that nothing has to be pushed: each in a
 * repository of its name, tagged `1`; blobs are hard links, so both are on one file system (distribution,
 * registry/storage/paths.go).
 */
export function linkStorage(layout: string, storage: string): void {
  const top = join(storage, 'docker/registry/v2');
  for (const [name, manifest] of manifestsOf(layout)) {
    const document: { config: Descriptor; layers: readonly Descriptor[] } = JSON.parse(
      readFileSync(fileOfBlob(layout, manifest.digest), 'utf8'),
    );
    const repository = join(top, 'repositories', name);
    const point = (folder: string, digest: Digest): void =>
      write(join(repository, folder, 'link'), digest);
    for (const { digest } of [document.config, ...document.layers]) {
      point(join('_layers/sha256', hexOf(digest)), digest);
      linkBlob(layout, top, digest);
    }
    linkBlob(layout, top, manifest.digest);
    point(join('_manifests/revisions/sha256', hexOf(manifest.digest)), manifest.digest);
    point('_manifests/tags/1/current', manifest.digest);
    point(join('_manifests/tags/1/index/sha256', hexOf(manifest.digest)), manifest.digest);
  }
}

function linkBlob(layout: string, top: string, digest: Digest): void {
  const hex = hexOf(digest);
  const folder = join(top, 'blobs/sha256', hex.slice(0, 2), hex);
  mkdirSync(folder, { recursive: true });
  rmSync(join(folder, 'data'), { force: true });
  linkSync(fileOfBlob(layout, digest), join(folder, 'data'));
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
