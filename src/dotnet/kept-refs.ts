import type { Descriptor, Digest, Store } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { ociManifestType } from '../oci/media-type.ts';
import { type Architecture, architectureNames, architectureOfPlatform } from './architecture.ts';

/** A kept runtime's entry in the store's index. */
export interface KeptRef {
  /** As `--runtime` takes it: `runtime/NAME`. */
  readonly name: string;
  readonly architecture: Architecture;
  /** Of the manifest. */
  readonly digest: Digest;
  readonly size: number;
}

/** Its own type, so that it is no image to list or to evict, and none of the layers that builds pack. */
export const keptArtifactType = 'application/vnd.osv-convert.kept-runtime.v1';

/** Kept runtimes are refs of this prefix beside those of images. */
const refPrefix = 'runtime/';

/** In the order of their names. */
export async function listKeptRefs(store: Store): Promise<readonly KeptRef[]> {
  return (await store.refs.list())
    .filter(({ descriptor }) => descriptor.artifactType === keptArtifactType)
    .filter(({ name }) => keptRuntimeOfRef(name) !== undefined)
    .map(({ name, descriptor: { digest, size, platform } }) => ({
      name,
      architecture: architectureOfPlatform(`linux/${platform?.architecture}`),
      digest,
      size,
    }));
}

export async function getKeptRef(store: Store, name: string): Promise<KeptRef | undefined> {
  return (await listKeptRefs(store)).find((ref) => ref.name === name);
}

export async function setKeptRef(
  store: Store,
  { name, architecture, digest, size }: KeptRef,
): Promise<void> {
  await store.refs.set(name, keptDescriptor({ digest, size }, architecture));
}

/** The entry of a kept runtime, as it stands in the index of a store. */
export function keptDescriptor(
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
  architecture: Architecture,
): Descriptor {
  const platform = { os: 'linux', architecture: architectureNames[architecture].oci };
  return { mediaType: ociManifestType, artifactType: keptArtifactType, digest, size, platform };
}

/** The name, if it is one that a kept runtime may have in the store. */
export function keptRuntimeOfRef(name: string): string | undefined {
  return name.startsWith(refPrefix) && isName(name.slice(refPrefix.length)) ? name : undefined;
}

/**
 * `runtime/NAME` of `NAME` or `runtime/NAME`.
 * @throws ConvertError `USAGE` for what cannot be the name of a kept runtime.
 */
export function parseKeptName(text: string): string {
  const name = text.startsWith(refPrefix) ? text.slice(refPrefix.length) : text;
  if (isName(name)) return `${refPrefix}${name}`;
  const isWord = words.includes(name);
  throw new ConvertError(
    'USAGE',
    `naming a runtime: found ${JSON.stringify(text.slice(0, 160))}${isWord ? ', which --runtime takes for something else' : ''}, ` +
      'wanted lower-case letters and digits, parted by single ".", "_" or "-"',
  );
}

const words = ['auto', 'image', 'host'];

/** The layers that builds pack have 64 hexadecimal digits for a name. */
function isName(name: string): boolean {
  return (
    /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(name) &&
    name.length <= 100 &&
    !words.includes(name) &&
    !/^[0-9a-f]{64}$/.test(name)
  );
}
