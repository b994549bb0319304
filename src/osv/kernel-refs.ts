import type { Descriptor, Digest, Store } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { ociManifestType } from '../oci/media-type.ts';
import { kernelArtifactType } from './kernel-manifest.ts';

/** A kernel's entry in the store's index. */
export interface KernelRef {
  readonly name: string;
  /** Of the manifest. */
  readonly digest: Digest;
  readonly size: number;
  /** Chosen as the kernel that is used when none is named. */
  readonly isDefault: boolean;
  /** Where it was got from. */
  readonly origin?: string;
}

/** Kernels are refs of this prefix beside those of images. */
const refPrefix = 'kernel/';
const defaultAnnotation = 'osv-convert.kernel.default';
const originAnnotation = 'osv-convert.kernel.origin';

/** In the order of their names. */
export async function listKernelRefs(store: Store): Promise<readonly KernelRef[]> {
  return (await store.refs.list())
    .filter(({ name }) => name.startsWith(refPrefix))
    .map(({ name, descriptor }) => kernelRef(name.slice(refPrefix.length), descriptor));
}

export async function getKernelRef(store: Store, name: string): Promise<KernelRef | undefined> {
  const descriptor = await store.refs.get(`${refPrefix}${name}`);
  return descriptor && kernelRef(name, descriptor);
}

/** Writes the entry; a new default takes that mark from the others. */
export async function setKernelRef(store: Store, ref: KernelRef): Promise<void> {
  if (ref.isDefault) {
    const others = (await listKernelRefs(store)).filter(({ name }) => name !== ref.name);
    for (const other of others.filter(({ isDefault }) => isDefault)) {
      await writeRef(store, { ...other, isDefault: false });
    }
  }
  await writeRef(store, ref);
}

/** True when there was a kernel of that name. Its blobs stay until garbage is collected. */
export function deleteKernelRef(store: Store, name: string): Promise<boolean> {
  return store.refs.delete(`${refPrefix}${name}`);
}

/** The name in the store of the kernel that is called `name`. */
export function refOfKernel(name: string): string {
  return `${refPrefix}${name}`;
}

/** The kernel whose name in the store this is. */
export function kernelOfRef(name: string): string | undefined {
  return name.startsWith(refPrefix) ? name.slice(refPrefix.length) : undefined;
}

/** Names go into refs and into URLs of releases. @throws ConvertError `USAGE`. */
export function parseKernelName(name: string): string {
  if (!/^[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(name) || name.length > 100) {
    throw new ConvertError(
      'USAGE',
      `naming a kernel: found ${JSON.stringify(name.slice(0, 160))}, ` +
        'wanted lower-case letters and digits, parted by single ".", "_" or "-"',
    );
  }
  return name;
}

function kernelRef(name: string, { digest, size, annotations }: Descriptor): KernelRef {
  const origin = annotations?.[originAnnotation];
  return {
    name,
    digest,
    size,
    isDefault: annotations?.[defaultAnnotation] === 'true',
    ...(origin !== undefined && { origin }),
  };
}

async function writeRef(store: Store, ref: KernelRef): Promise<void> {
  const { name, digest, size, isDefault, origin } = ref;
  const annotations = {
    ...(isDefault && { [defaultAnnotation]: 'true' }),
    ...(origin !== undefined && { [originAnnotation]: origin }),
  };
  await store.refs.set(`${refPrefix}${name}`, {
    mediaType: ociManifestType,
    digest,
    size,
    artifactType: kernelArtifactType,
    ...(Object.keys(annotations).length > 0 && { annotations }),
  });
}
