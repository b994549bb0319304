import { type DiffID, digestOf, parseDiffID } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import type { Manifest } from '../oci/manifest.ts';
import { ociManifestType } from '../oci/media-type.ts';
import { type Architecture, architectureNames } from './architecture.ts';
import { keptArtifactType } from './kept-refs.ts';
import { parseVersion } from './version.ts';

/** What a kept runtime is, but for its name. */
export interface KeptContent {
  readonly architecture: Architecture;
  /** In the order of their names. */
  readonly frameworks: readonly { readonly name: string; readonly version: string }[];
  /** The version of `host/fxr`. */
  readonly hostfxr: string;
  /** Of the only layer, which is not compressed. */
  readonly layer: DiffID;
  /** Of the layer, in bytes. */
  readonly size: number;
  /** Where it was taken from, without any path of the host: `host`, `folder`, `archive …`, `image …`. */
  readonly origin: string;
}

const prefix = 'osv-convert.runtime.';
const textCap = 4096;

/**
 * A kept runtime is kept as an image of one layer (OCI image-spec, manifest.md), whose root file system
 * has the runtime in it, so that other tools can copy it and any store can use it. Equal contents give
 * equal bytes: there is no time in them.
 */
export function formatKeptRuntime(content: KeptContent): {
  readonly config: Uint8Array;
  readonly manifest: Uint8Array;
} {
  const { architecture, frameworks, hostfxr, layer, size, origin } = content;
  const config = jsonOf({
    architecture: architectureNames[architecture].oci,
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [layer] },
  });
  const manifest = jsonOf({
    schemaVersion: 2,
    mediaType: ociManifestType,
    artifactType: keptArtifactType,
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: digestOf(config),
      size: config.length,
    },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: layer, size }],
    annotations: {
      [`${prefix}frameworks`]: frameworks
        .map(({ name, version }) => `${name} ${version}`)
        .join(', '),
      [`${prefix}hostfxr`]: hostfxr,
      [`${prefix}origin`]: origin,
      // For x64 it goes without saying, as it did before there was another.
      ...(architecture !== 'x64' && { [`${prefix}architecture`]: architecture }),
    },
  });
  return { config, manifest };
}

/** True of a manifest that `formatKeptRuntime` wrote, wherever it came from. */
export function isKeptRuntime({ annotations }: Pick<Manifest, 'annotations'>): boolean {
  return annotations[`${prefix}hostfxr`] !== undefined;
}

/** @throws ConvertError `MANIFEST_INVALID`. */
export function parseKeptRuntime(name: string, { annotations, layers }: Manifest): KeptContent {
  const [hostfxr = '', frameworks = '', origin = ''] = ['hostfxr', 'frameworks', 'origin'].map(
    (key) => annotations[`${prefix}${key}`]?.slice(0, textCap),
  );
  const [layer] = layers;
  if (layer === undefined || layers.length > 1) {
    throw invalid(name, `${layers.length} layers`, 'one layer');
  }
  if (parseVersion(hostfxr) === undefined) {
    throw invalid(name, `the hostfxr ${JSON.stringify(hostfxr)}`, 'its version');
  }
  return {
    architecture: parseArchitecture(name, annotations[`${prefix}architecture`] ?? 'x64'),
    frameworks: frameworks.split(', ').map((text) => parseFramework(name, text)),
    hostfxr,
    layer: parseDiffID(layer.digest),
    size: layer.size,
    origin,
  };
}

function parseArchitecture(runtime: string, text: string): Architecture {
  if (text === 'x64' || text === 'arm64') return text;
  throw invalid(runtime, `the architecture ${JSON.stringify(text.slice(0, 40))}`, 'x64 or arm64');
}

function parseFramework(runtime: string, text: string): KeptContent['frameworks'][number] {
  const [, name, version] = /^([A-Za-z0-9._-]+) (\S+)$/.exec(text) ?? [];
  if (name === undefined || version === undefined || parseVersion(version) === undefined) {
    throw invalid(runtime, `the framework ${JSON.stringify(text)}`, 'NAME VERSION');
  }
  return { name, version };
}

function jsonOf(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function invalid(name: string, found: string, wanted: string): ConvertError {
  return new ConvertError(
    'MANIFEST_INVALID',
    `reading ${name} in the store: found ${found}, wanted ${wanted}`,
    { hint: `osv-convert runtime rm ${name}` },
  );
}
