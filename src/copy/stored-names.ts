import type { Descriptor, Digest, Store } from '../../store/index.ts';
import { keptRuntimeOfRef } from '../dotnet/kept-refs.ts';
import { ConvertError } from '../error.ts';
import { fullNameOf, type Location, parseLocation } from '../oci/location.ts';
import { formatReference, parseReference } from '../oci/reference.ts';
import { kernelOfRef } from '../osv/kernel-refs.ts';

/**
 * The name in the store of the image that is called `text`: as it stands, or the full name it is
 * short for. Kernels and other artifacts are no images.
 * @throws ConvertError `IMAGE_NOT_FOUND`, with the hint `where`.
 */
async function storedName(
  store: Store,
  text: string,
  where = 'osv-convert images',
): Promise<string> {
  const refs = await store.refs.list();
  const images = refs.filter(({ descriptor }) => descriptor.artifactType === undefined);
  const names = new Set(images.map(({ name }) => name));
  const full = fullNameOf(text) ?? fullNameOf(`${text}:latest`);
  const found = [text, full].find((name) => name !== undefined && names.has(name));
  if (found !== undefined) return found;
  throw new ConvertError(
    'IMAGE_NOT_FOUND',
    `looking for ${JSON.stringify(text.slice(0, 120))} in the store: found ${shown([...names])}, wanted that one`,
    { hint: where },
  );
}

const shownNames = 8;

function shown(names: readonly string[]): string {
  const more = names.length > shownNames ? ` and ${names.length - shownNames} more` : '';
  return names.length === 0 ? 'no images' : `${names.slice(0, shownNames).join(', ')}${more}`;
}

/**
 * What `text` names for a command that sends images out: anything with the word of a transport is a
 * location; what has none is a name in the store.
 * @throws ConvertError `REFERENCE_INVALID`, `IMAGE_NOT_FOUND`.
 */
export async function outgoingLocation(store: Store, text: string): Promise<Location> {
  const location = parseLocation(text);
  if (location.transport !== 'registry' || text.startsWith('docker://')) return location;
  // Kernels, runtimes and lists of referrers go out by their full names.
  const isName = (await store.refs.get(text)) !== undefined;
  return { transport: 'store', name: isName ? text : await storedName(store, text) };
}

export interface Tagged {
  readonly reference: string;
  readonly images: readonly Descriptor[];
}

/**
 * Gives an image a second name, on all platforms it is there for. An image that had it loses it.
 * @throws ConvertError `IMAGE_NOT_FOUND`, `REFERENCE_INVALID`.
 */
export async function tagImage(store: Store, text: string, newName: string): Promise<Tagged> {
  const parsed = parseReference(newName);
  if (parsed.digest !== undefined) {
    throw new ConvertError(
      'REFERENCE_INVALID',
      `naming an image ${JSON.stringify(newName.slice(0, 120))}: found a digest, wanted a name with a tag`,
      { hint: `osv-convert tag ${text} ${newName.split('@')[0]}` },
    );
  }
  const reference = formatReference(parsed);
  const { name, images } = await holdNamed(store, text);
  if (name !== reference) {
    await store.refs.delete(reference);
    for (const descriptor of images) await store.refs.set(reference, descriptor);
  }
  return { reference, images };
}

/**
 * The name that `text` stands for and what has it, held. A name that is still there after that has
 * kept what it leads to all along; one that was taken away meanwhile may have lost some of it.
 * @throws ConvertError `IMAGE_NOT_FOUND`.
 */
async function holdNamed(store: Store, text: string) {
  const held = new Set<Digest>();
  for (;;) {
    const name = await storedName(store, text);
    const refs = (await store.refs.list()).filter((ref) => ref.name === name);
    const images = refs.map(({ descriptor }) => descriptor);
    const fresh = images.map(({ digest }) => digest).filter((digest) => !held.has(digest));
    if (fresh.length === 0 && images.length > 0) return { name, images };
    await store.hold(fresh);
    for (const digest of fresh) held.add(digest);
  }
}

/**
 * Takes names out of the store, each once: all of them, or none when one is not there. Blobs and layers stay,
 * for other images may have them too.
 * @throws ConvertError `IMAGE_NOT_FOUND`.
 */
export async function removeImages(
  store: Store,
  texts: readonly string[],
): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const text of texts) {
    names.add(await storedName(store, text, await whereToRemove(store, text)));
  }
  for (const name of names) await store.refs.delete(name);
  return [...names];
}

/** The command for what is named `text` and may be no image. */
async function whereToRemove(store: Store, text: string): Promise<string> {
  if ((await store.refs.get(text)) === undefined) return 'osv-convert images';
  if (keptRuntimeOfRef(text) !== undefined) return `osv-convert runtime rm ${text}`;
  const kernel = kernelOfRef(text);
  return kernel === undefined ? 'osv-convert store ls' : `osv-convert kernel rm ${kernel}`;
}
