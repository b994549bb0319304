import { Buffer } from 'node:buffer';
import type { Descriptor, Store } from '../../store/index.ts';
import { archiveOf, ociMembers } from '../support/archives.ts';
import { buildImage, buildIndex, type Image } from '../support/image.ts';
import { file } from '../support/layers.ts';

export const nameKey = 'org.opencontainers.image.ref.name';
export const hello = buildImage({ layers: [[file('hello', 'hello')], [file('world', 'world')]] });
export const arm = buildImage({ layers: [[file('hello', 'arm')]], architecture: 'arm64' });
export const both = buildIndex([hello, arm]);

export async function* bytesOf(...chunks: readonly Uint8Array[]) {
  yield* chunks;
}

export async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}

export async function put(
  store: Store,
  name: string,
  image: Image,
  more: Partial<Descriptor> = {},
) {
  for (const bytes of image.blobs.values()) await store.blobs.put(bytes);
  await store.refs.set(name, { ...image.root, ...more });
}

export const helloMembers = ociMembers([[['hello'], hello]]);
export const helloArchive = archiveOf(helloMembers);
