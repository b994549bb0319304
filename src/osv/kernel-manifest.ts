import { digestOf, parseDigest } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { ociManifestType } from '../oci/media-type.ts';
import type { Kernel, KernelFile } from './kernel.ts';

/**
 * A kernel is kept as an OCI artifact (image-spec, manifest.md "Guidelines for Artifact Usage"): an
 * empty config, a layer a form, what the files tell of themselves in annotations. Other OCI tools can
 * copy it.
 */
export const kernelArtifactType = 'application/vnd.osv-convert.kernel.v1';

/** The bytes of the empty config (image-spec, manifest.md). */
export const emptyConfig = new TextEncoder().encode('{}');

const forms = {
  loader: { mediaType: 'application/vnd.osv-convert.kernel.loader.v1', title: 'loader.img' },
  elf: { mediaType: 'application/vnd.osv-convert.kernel.elf.v1', title: 'loader-stripped.elf' },
} as const;

const annotationPrefix = 'osv-convert.kernel.';

/** A kernel as its manifest has it: without its name, and where it came from. */
type KernelBuild = Omit<Kernel, 'name' | 'origin'>;

/** Whose manifest it is, for errors, and the next command to type where it is none. */
export interface ManifestPlace {
  readonly of: string;
  readonly hint: string;
}

export function formatKernelManifest(kernel: KernelBuild): Uint8Array {
  const { architecture, version, symbols, tlsLimit } = kernel;
  const manifest = {
    schemaVersion: 2,
    mediaType: ociManifestType,
    artifactType: kernelArtifactType,
    config: {
      mediaType: 'application/vnd.oci.empty.v1+json',
      digest: digestOf(emptyConfig),
      size: emptyConfig.length,
    },
    layers: [...layersOf(kernel)],
    annotations: {
      [`${annotationPrefix}architecture`]: architecture,
      [`${annotationPrefix}symbols`]: symbols,
      ...(version !== undefined && { [`${annotationPrefix}version`]: version }),
      ...(tlsLimit !== undefined && { [`${annotationPrefix}tls-limit`]: String(tlsLimit) }),
    },
  };
  return new TextEncoder().encode(JSON.stringify(manifest));
}

function* layersOf(kernel: KernelBuild): Generator<object> {
  for (const form of ['loader', 'elf'] as const) {
    const file = kernel[form];
    const { mediaType, title } = forms[form];
    if (file !== undefined) {
      yield { mediaType, ...file, annotations: { 'org.opencontainers.image.title': title } };
    }
  }
}

/** @throws ConvertError `KERNEL_INVALID`, `StoreError` `DIGEST_INVALID`. */
export function parseKernelManifest(bytes: Uint8Array, place: ManifestPlace): KernelBuild {
  const { annotations, layers } = parseManifest(place, bytes);
  const annotation = (key: string): string | undefined => annotations[`${annotationPrefix}${key}`];
  const [architecture, symbols] = [annotation('architecture'), annotation('symbols')];
  if (architecture !== 'x86_64' && architecture !== 'aarch64') {
    throw invalid(place, `architecture ${JSON.stringify(architecture)}`, 'x86_64 or aarch64');
  }
  if (symbols !== 'hidden' && symbols !== 'exposed' && symbols !== 'unknown') {
    throw invalid(place, `symbols ${JSON.stringify(symbols)}`, 'hidden, exposed or unknown');
  }
  const version = annotation('version');
  const tlsLimit = annotation('tls-limit');
  const loader = layers.get(forms.loader.mediaType);
  const elf = layers.get(forms.elf.mediaType);
  return {
    architecture,
    symbols,
    ...(version !== undefined && { version }),
    ...(tlsLimit !== undefined && /^\d{1,9}$/.test(tlsLimit) && { tlsLimit: Number(tlsLimit) }),
    ...(loader && { loader }),
    ...(elf && { elf }),
  };
}

interface KernelManifest {
  readonly annotations: Readonly<Record<string, string | undefined>>;
  /** By media type. */
  readonly layers: ReadonlyMap<string, KernelFile>;
}

function parseManifest(place: ManifestPlace, bytes: Uint8Array): KernelManifest {
  const manifest = recordOf(parseJson(bytes));
  if (manifest?.['artifactType'] !== kernelArtifactType) {
    throw invalid(
      place,
      `a manifest of artifact type ${JSON.stringify(manifest?.['artifactType'])}`,
      kernelArtifactType,
    );
  }
  const annotations = Object.entries(recordOf(manifest['annotations']) ?? {}).flatMap(
    ([key, value]) => (typeof value === 'string' ? [[key, value] as const] : []),
  );
  const layers = Array.isArray(manifest['layers']) ? manifest['layers'] : [];
  return {
    annotations: Object.fromEntries(annotations),
    layers: new Map(layers.map((layer) => parseLayer(place, recordOf(layer)))),
  };
}

function parseLayer(
  place: ManifestPlace,
  layer: Readonly<Record<string, unknown>> | undefined,
): [string, KernelFile] {
  const { mediaType, digest, size } = layer ?? {};
  if (typeof mediaType !== 'string' || typeof digest !== 'string' || typeof size !== 'number') {
    throw invalid(place, `a layer ${JSON.stringify(layer)}`, 'media type, digest and size');
  }
  return [mediaType, { digest: parseDigest(digest), size }];
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isRecord = (it: unknown): it is Readonly<Record<string, unknown>> =>
    typeof it === 'object' && it !== null && !Array.isArray(it);
  return isRecord(value) ? value : undefined;
}

function invalid({ of, hint }: ManifestPlace, found: string, wanted: string): ConvertError {
  return new ConvertError('KERNEL_INVALID', `reading ${of}: found ${found}, wanted ${wanted}`, {
    hint,
  });
}
