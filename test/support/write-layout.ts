import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hexOf } from '../../store/index.ts';
import type { BuiltImage } from './layers.ts';

/** Writes an image as an OCI image layout in which it is named `tag` (OCI image-spec, image-layout.md). */
export async function writeLayout(folder: string, tag: string, image: BuiltImage): Promise<void> {
  const blobs = join(folder, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  for (const [digest, bytes] of image.blobs) await writeFile(join(blobs, hexOf(digest)), bytes);
  const annotations = { 'org.opencontainers.image.ref.name': tag };
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [{ ...image.manifest, annotations }],
  };
  await writeFile(join(folder, 'index.json'), `${JSON.stringify(index, undefined, 2)}\n`);
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}\n');
}
