import { type Descriptor, digestOf, type Store } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { parseLinks } from '../oci/links.ts';
import { formatLocation, type Location, nameOf, parseLocation } from '../oci/location.ts';
import { shellWord } from '../shell-word.ts';
import { openSource } from '../source/open.ts';
import type { RegistryOptions } from '../source/registry/registry.ts';
import type { Source, SourceCallOptions } from '../source/source.ts';
import type { Kernel } from './kernel.ts';
import { kernelArtifactType, parseKernelManifest } from './kernel-manifest.ts';
import { addKernel, type KernelSourceFile } from './kernels.ts';
import { kernelSizeCap } from './recognise.ts';

export interface PullKernelOptions extends SourceCallOptions {
  /** Else made of the repository and the tag. */
  readonly name?: string;
  readonly setDefault?: boolean;
  readonly registry?: RegistryOptions;
}

/**
 * Takes the kernel of an OCI artifact into the store, from wherever images are read: a registry, a layout,
 * an archive. Its manifest (`kernelArtifactType`) only says which blobs to fetch; what they are is told by
 * their bytes, as with files. The digest it was pulled by is recorded.
 * @throws ConvertError `KERNEL_INVALID` for other artifacts, `DIGEST_MISMATCH`, the codes of sources and of
 * `addKernel`.
 */
export async function pullKernel(
  store: Store,
  text: string,
  { name, setDefault, registry, signal }: PullKernelOptions = {},
): Promise<Kernel> {
  const location = parseLocation(text);
  const call = signal ? { signal } : {};
  const source = await openSource(location, { store, ...(registry && { registry }), ...call });
  try {
    const { descriptor, bytes } = await source.resolve(call);
    const layers = await layersOf(text, bytes);
    const files: KernelSourceFile[] = [];
    for (const layer of layers) {
      files.push({ name: layer.digest, bytes: await readLayer(source, layer, call) });
    }
    return await addKernel(store, files, {
      name: name ?? kernelNameOf(location),
      origin: `${formatLocation(location).replace(/@sha256:.*$/, '')}@${descriptor.digest}`,
      ...(setDefault !== undefined && { setDefault }),
    });
  } finally {
    await source.close();
  }
}

async function layersOf(text: string, manifest: Uint8Array): Promise<readonly Descriptor[]> {
  const { artifactType, blobs, manifests } = await parseLinks(manifest);
  if (artifactType !== kernelArtifactType || manifests.length > 0) {
    throw new ConvertError(
      'KERNEL_INVALID',
      `pulling the kernel ${text}: found an artifact of type ${JSON.stringify(artifactType ?? 'index')}, wanted ${kernelArtifactType}`,
      { hint: `if it is an image: osv-convert pull ${shellWord(text)}` },
    );
  }
  const place = { of: `the kernel ${text}`, hint: 'ask who pushed it for another' };
  const { loader, elf } = parseKernelManifest(manifest, place);
  const wanted = new Set([loader?.digest, elf?.digest]);
  return blobs.filter(({ digest }) => wanted.has(digest));
}

async function readLayer(
  source: Source,
  layer: Descriptor,
  call: SourceCallOptions,
): Promise<Uint8Array> {
  const { digest, size } = layer;
  if (size > kernelSizeCap) {
    throw new ConvertError(
      'KERNEL_INVALID',
      `pulling ${digest}: found ${size} bytes, wanted at most ${kernelSizeCap} of a kernel`,
    );
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.fetch(layer, call)) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const found = digestOf(bytes);
  if (found === digest) return bytes;
  throw new ConvertError(
    'DIGEST_MISMATCH',
    `pulling ${digest}: found bytes of digest ${found}, wanted those`,
  );
}

/** `ghcr.io/acme/osv-kernel:tls1024` is `osv-kernel-tls1024`; `latest` adds nothing. */
function kernelNameOf(location: Location): string {
  const last = nameOf(location).replace(/@.*$/, '').split('/').at(-1) ?? '';
  const words = last
    .replace(/:latest$/, '')
    .toLowerCase()
    .match(/[a-z0-9]+(?:[._-][a-z0-9]+)*/g);
  return words?.join('-').slice(0, 100) ?? 'kernel';
}
