import { createValidator } from '../../schemas/index.ts';
import type { Descriptor, DiffID } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { decodeJson } from './json.ts';
import type { Manifest } from './manifest.ts';

/** OCI image-spec, config.md. The wire's spelling; only what the converter reads. */
export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly 'os.version'?: string;
  readonly created?: string;
  readonly config: ExecutionConfig;
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly DiffID[] };
  /** Lowest first; one entry for each layer and for each step that made none. */
  readonly history?: readonly HistoryEntry[];
}

/** OCI image-spec, config.md, `history`. */
export interface HistoryEntry {
  readonly created_by?: string;
  /** True of a step that made no layer. */
  readonly empty_layer: boolean;
}

/** OCI image-spec, config.md, `config`. Absent members and nulls of the wire are empty here. */
export interface ExecutionConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir: string;
  readonly ExposedPorts: readonly string[];
  readonly Volumes: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
  readonly StopSignal: string;
  /** `Healthcheck.Test` of Docker's config: `CMD` or `CMD-SHELL` and words, or `NONE`. */
  readonly HealthcheckTest: readonly string[];
}

/** What the schema promises of a valid config. */
interface WireConfig extends Omit<ImageConfig, 'config' | 'created' | 'history'> {
  readonly created?: string | null;
  readonly config?: WireExecutionConfig | null;
  readonly history?: readonly WireHistoryEntry[] | null;
}

interface WireHistoryEntry {
  readonly created_by?: string | null;
  readonly empty_layer?: boolean | null;
}

interface WireExecutionConfig {
  readonly User?: string | null;
  readonly Env?: readonly string[] | null;
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly WorkingDir?: string | null;
  readonly ExposedPorts?: Readonly<Record<string, unknown>> | null;
  readonly Volumes?: Readonly<Record<string, unknown>> | null;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly StopSignal?: string | null;
  readonly Healthcheck?: { readonly Test?: readonly string[] | null } | null;
}

/** A layer as it is transferred and as it is unpacked. */
export interface LayerPair {
  readonly descriptor: Descriptor;
  readonly diffID: DiffID;
}

/**
 * Reads an image configuration of any platform: whether it is the wanted one is the caller's to say.
 * @throws ConvertError `CONFIG_INVALID`.
 */
export async function parseImageConfig(bytes: Uint8Array): Promise<ImageConfig> {
  const json = decodeJson(bytes, 'the image config', 'CONFIG_INVALID');
  const validate = await createValidator('image-config');
  const problem = validate(json);
  if (problem !== undefined) {
    throw new ConvertError('CONFIG_INVALID', `reading the image config: ${problem}`);
  }
  const wire = json as unknown as WireConfig;
  return {
    architecture: wire.architecture,
    os: wire.os,
    ...(wire.variant && { variant: wire.variant }),
    ...(wire['os.version'] && { 'os.version': wire['os.version'] }),
    ...(wire.created && { created: wire.created }),
    config: executionConfigOf(wire.config ?? {}),
    rootfs: { type: 'layers', diff_ids: wire.rootfs.diff_ids },
    ...(wire.history && { history: wire.history.map(historyEntryOf) }),
  };
}

function historyEntryOf({ created_by, empty_layer }: WireHistoryEntry): HistoryEntry {
  return { ...(created_by && { created_by }), empty_layer: empty_layer ?? false };
}

function executionConfigOf(wire: WireExecutionConfig): ExecutionConfig {
  return {
    User: wire.User ?? '',
    Env: wire.Env ?? [],
    Entrypoint: wire.Entrypoint ?? [],
    Cmd: wire.Cmd ?? [],
    WorkingDir: wire.WorkingDir ?? '',
    ExposedPorts: Object.keys(wire.ExposedPorts ?? {}),
    Volumes: Object.keys(wire.Volumes ?? {}),
    Labels: wire.Labels ?? {},
    StopSignal: wire.StopSignal ?? '',
    HealthcheckTest: wire.Healthcheck?.Test ?? [],
  };
}

/**
 * The layers of an image from the bottom up, each with the digest of its uncompressed tar.
 * @throws ConvertError `CONFIG_INVALID` when manifest and config count different numbers of them.
 */
export function pairLayers(manifest: Manifest, config: ImageConfig): readonly LayerPair[] {
  const diffIDs = config.rootfs.diff_ids;
  if (diffIDs.length !== manifest.layers.length) {
    throw new ConvertError(
      'CONFIG_INVALID',
      `reading the image config: at /rootfs/diff_ids: found ${diffIDs.length} entries, wanted ${manifest.layers.length}, one for each layer of the manifest`,
    );
  }
  return manifest.layers.flatMap((descriptor, at) => {
    const diffID = diffIDs[at];
    return diffID === undefined ? [] : [{ descriptor, diffID }];
  });
}
