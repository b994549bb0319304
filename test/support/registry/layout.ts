import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../../../store/index.ts';
import { descriptorOf, jsonBytes, type ServedImage, type ServedManifest } from './image.ts';

interface WireDescriptor {
  readonly mediaType: string;
  readonly digest: string;
}

interface WireManifest {
  readonly manifests?: readonly WireDescriptor[];
  readonly config?: WireDescriptor;
  readonly layers?: readonly WireDescriptor[];
}

/** What an OCI image layout of ours holds, to be served as `repository:tag`: its first manifest. */
export async function imageOfLayout(
  folder: string,
  repository: string,
  tag: string,
): Promise<ServedImage> {
  const index: WireManifest = JSON.parse(await readFile(join(folder, 'index.json'), 'utf8'));
  const root = index.manifests?.[0];
  if (root === undefined) {
    throw new Error(`imageOfLayout: ${folder} holds no manifest`);
  }
  const manifests: ServedManifest[] = [];
  const blobs: Uint8Array[] = [];
  const blob = (descriptor: WireDescriptor) =>
    readFile(join(folder, 'blobs', ...descriptor.digest.split(':')));

  async function take(descriptor: WireDescriptor): Promise<void> {
    const bytes = await blob(descriptor);
    const document: WireManifest = JSON.parse(bytes.toString('utf8'));
    for (const child of document.manifests ?? []) {
      await take(child);
    }
    for (const child of [
      ...(document.config ? [document.config] : []),
      ...(document.layers ?? []),
    ]) {
      blobs.push(await blob(child));
    }
    manifests.push({ mediaType: descriptor.mediaType, bytes });
  }

  await take(root);
  return { repository, tags: [tag], manifests, blobs };
}

/** Writes `image` as an OCI image layout into `folder`, for tools that copy from `oci:`. */
export async function writeLayout(folder: string, image: ServedImage): Promise<void> {
  const root = image.manifests.at(-1);
  if (root === undefined) {
    throw new Error(`writeLayout: ${image.repository} has no manifest`);
  }
  await mkdir(join(folder, 'blobs', 'sha256'), { recursive: true });
  for (const bytes of [...image.blobs, ...image.manifests.map((manifest) => manifest.bytes)]) {
    await writeFile(join(folder, 'blobs', ...digestOf(bytes).split(':')), bytes);
  }
  const manifests = [descriptorOf(root.mediaType, root.bytes)];
  await writeFile(join(folder, 'index.json'), jsonBytes({ schemaVersion: 2, manifests }));
  await writeFile(join(folder, 'oci-layout'), jsonBytes({ imageLayoutVersion: '1.0.0' }));
}
