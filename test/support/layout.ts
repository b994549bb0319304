import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Descriptor, type Digest, hexOf, parseDigest } from '../../store/index.ts';
import { mediaTypes } from './descriptor.ts';
import type { Image } from './image.ts';

/** Writes an image as an OCI image layout in which it is named `tag` (OCI image-spec, image-layout.md). */
export async function writeLayout(folder: string, tag: string, image: Image): Promise<void> {
  const blobs = join(folder, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  for (const [digest, bytes] of image.blobs) await writeFile(join(blobs, hexOf(digest)), bytes);
  const annotations = { 'org.opencontainers.image.ref.name': tag };
  const index = {
    schemaVersion: 2,
    mediaType: mediaTypes.oci.index,
    manifests: [{ ...image.root, annotations }],
  };
  await writeFile(join(folder, 'index.json'), `${JSON.stringify(index, undefined, 2)}\n`);
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}\n');
}

/** The image that an OCI image layout names first, with all blobs of the layout. */
export async function readLayout(folder: string): Promise<Image> {
  const index: { manifests: readonly Descriptor[] } = JSON.parse(
    await readFile(join(folder, 'index.json'), 'utf8'),
  );
  const [named] = index.manifests;
  if (named === undefined) {
    throw new Error(`readLayout: ${folder} names no image`);
  }
  const { annotations: _name, ...root } = named;
  const blobs = new Map<Digest, Uint8Array>();
  for (const hex of await readdir(join(folder, 'blobs', 'sha256'))) {
    const bytes = await readFile(join(folder, 'blobs', 'sha256', hex));
    blobs.set(parseDigest(`sha256:${hex}`), bytes);
  }
  return { blobs, root };
}
