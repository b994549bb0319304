import type { Descriptor, Digest, LostBlob, Store } from '../../store/index.ts';
import { errorCodeOf, errorTable } from '../error.ts';
import { maxIndexDepth } from '../oci/image-index.ts';
import { documentCap } from '../oci/json.ts';
import { parseLinks } from '../oci/links.ts';
import { fullNameOf } from '../oci/location.ts';
import { isDocumentType } from '../oci/media-type.ts';
import { parseReference } from '../oci/reference.ts';
import { readDocument } from '../source/document.ts';
import { type OpenImageOptions, openImage } from './open-image.ts';

/**
 * Brings a lost blob into the store again, by its digest, from the first of the registries that its
 * names lead to which has it. A damaged one must have been taken away before. False where none has
 * it; a registry that cannot be asked may have it still.
 * @throws ConvertError the codes of sources, when none that could be asked has it; StoreError when it
 * cannot be written; the reason of the signal.
 */
export async function refetch(
  store: Store,
  { digest, names }: Pick<LostBlob, 'digest' | 'names'>,
  options: OpenImageOptions = {},
): Promise<boolean> {
  const failures: unknown[] = [];
  for (const { name, descriptor } of await store.refs.list()) {
    if (!names.includes(name) || !isOfRegistry(name)) continue;
    try {
      if (await refetchFrom(store, name, descriptor, digest, options)) return true;
    } catch (error) {
      options.signal?.throwIfAborted();
      const code = errorCodeOf(error);
      if (code === undefined || errorTable[code] === 'store') throw error;
      if (errorTable[code] !== 'notFound') failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return false;
}

/** The names that lead to the blob, by what the store has. */
export async function namesLeadingTo(store: Store, digest: Digest): Promise<readonly string[]> {
  const read = (descriptor: Descriptor) =>
    store.blobs.read(descriptor.digest, documentCap).catch(() => undefined);
  const names: string[] = [];
  for (const { name, descriptor } of await store.refs.list()) {
    if ((await findBelow(descriptor, digest, read)) !== undefined) names.push(name);
  }
  return names;
}

/** Kernels and runtimes have short names; files have names on no host's `localhost`. */
function isOfRegistry(name: string): boolean {
  return fullNameOf(name) === name && !name.startsWith('localhost/');
}

async function refetchFrom(
  store: Store,
  name: string,
  root: Descriptor,
  digest: Digest,
  options: OpenImageOptions,
): Promise<boolean> {
  const { registry, repository } = parseReference(name);
  const reference = parseReference(`${registry}/${repository}@${root.digest}`);
  const source = await openImage(store, { transport: 'registry', reference }, options);
  const call = options.signal === undefined ? {} : { signal: options.signal };
  try {
    // What led there may be lost as well: it is read from the registry then, and not kept.
    const found = await findBelow(root, digest, (descriptor) =>
      store.blobs
        .read(descriptor.digest, documentCap)
        .catch(() => readDocument(source, descriptor, call)),
    );
    if (found === undefined) return false;
    const open = (offset: number, signal: AbortSignal) => source.fetch(found, { offset, signal });
    await store.blobs.fetch({ digest, size: found.size }, open, call);
    return true;
  } finally {
    await source.close();
  }
}

/**
 * The descriptor of `digest` among those that `root` leads to; what `read` lacks leads nowhere. Each
 * document is read once: an index may list another many times, and that the same again.
 */
async function findBelow(
  root: Descriptor,
  digest: Digest,
  read: (descriptor: Descriptor) => Promise<Uint8Array | undefined>,
): Promise<Descriptor | undefined> {
  if (root.digest === digest) return root;
  const seen = new Set([root.digest]);
  let level = [root];
  for (let depth = 0; depth <= maxIndexDepth && level.length > 0; depth += 1) {
    const below: Descriptor[] = [];
    for (const part of level) {
      const bytes = isDocumentType(part.mediaType) ? await read(part) : undefined;
      if (bytes === undefined) continue;
      const { blobs, manifests } = await parseLinks(bytes);
      const found = [...blobs, ...manifests].find((link) => link.digest === digest);
      if (found !== undefined) return found;
      for (const manifest of manifests) {
        if (!seen.has(manifest.digest)) below.push(manifest);
        seen.add(manifest.digest);
      }
    }
    level = below;
  }
  return undefined;
}
