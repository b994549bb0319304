import type { DiffID, Digest, Store } from '../store/index.ts';
import type { DotnetApp } from './dotnet/app.ts';
import { architectureOfPlatform } from './dotnet/architecture.ts';
import { describeApp } from './dotnet/describe.ts';
import { ConvertError } from './error.ts';
import { guestEnvironment } from './guest-environment.ts';
import { type ExecutionOverrides, overrideExecution } from './oci/execution.ts';
import type { EnvironmentEntry } from './osv/environment.ts';
import type { GuestWishes } from './prepare.ts';
import { withHealing } from './pull/heal.ts';
import type { StoredImage } from './pull/image.ts';
import { obtain, type PullOptions } from './pull/pull.ts';
import { withLayers } from './tree/open-layers.ts';

/** What `inspect` tells; its shape is `schemas/inspect.schema.json`. */
export interface Inspection {
  readonly reference: string;
  readonly digest: Digest;
  readonly platform: string;
  readonly layers: readonly LayerSummary[];
  readonly config: {
    readonly entrypoint: readonly string[];
    readonly cmd: readonly string[];
    readonly workingDir: string;
    readonly env: readonly string[];
    readonly user: string;
    readonly exposedPorts: readonly string[];
  };
  readonly app:
    | AppSummary
    | { readonly error: string; readonly message: string; readonly hint?: string };
  /** Of the guest, where it was asked for: each variable with its origin and why it is set. */
  readonly environment?: readonly EnvironmentEntry[];
}

export interface InspectOptions extends PullOptions, ExecutionOverrides {
  /** Tells the environment the app would have on OSv, in a guest of these wishes. */
  readonly environment?: GuestWishes;
}

export interface LayerSummary {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly diffID: DiffID;
  /** Bytes of the compressed blob. */
  readonly size: number;
}

export type AppSummary = Pick<
  DotnetApp,
  | 'kind'
  | 'needsRuntime'
  | 'executable'
  | 'launcher'
  | 'args'
  | 'aspnet'
  | 'model'
  | 'readyToRun'
  | 'trimmed'
  | 'evidence'
> & {
  readonly language?: string;
  readonly targetFramework?: string;
  readonly assembly?: string;
  readonly version?: string;
  readonly frameworks: readonly {
    readonly name: string;
    readonly version: string;
    readonly rollForward: string;
  }[];
};

/**
 * Describes an image; one that is not in the store is pulled first. An image without a .NET app is described
 * too, but for its environment.
 * @throws ConvertError the codes of `obtain`, and for the environment those of `prepare` and of kernels; StoreError.
 */
export async function inspect(
  store: Store,
  reference: string,
  options: InspectOptions,
): Promise<Inspection> {
  return await withHealing(store, options, () => inspectOnce(store, reference, options));
}

async function inspectOnce(
  store: Store,
  reference: string,
  options: InspectOptions,
): Promise<Inspection> {
  const image = await obtain(store, reference, options);
  const { config } = image.config;
  return {
    reference: image.name,
    digest: image.descriptor.digest,
    platform: image.platform,
    layers: image.layers.map(({ descriptor: { mediaType, digest, size }, diffID }) => ({
      mediaType,
      digest,
      diffID,
      size,
    })),
    config: {
      entrypoint: config.Entrypoint,
      cmd: config.Cmd,
      workingDir: config.WorkingDir,
      env: config.Env,
      user: config.User,
      exposedPorts: config.ExposedPorts,
    },
    app: await summarizeApp(store, image, options),
    ...(options.environment && {
      environment: await guestEnvironment(store, image, options.environment),
    }),
  };
}

async function summarizeApp(
  store: Store,
  image: StoredImage,
  overrides: ExecutionOverrides,
): Promise<Inspection['app']> {
  try {
    return await withLayers(store, async ({ flatten, contents }) => {
      const tree = await flatten(image.layers.map(({ diffID }) => diffID));
      return summaryOf(
        describeApp(
          tree,
          contents,
          overrideExecution(image.config.config, overrides),
          architectureOfPlatform(image.platform),
        ),
      );
    });
  } catch (error) {
    if (!(error instanceof ConvertError)) throw error;
    const { code, message, hint } = error;
    return { error: code, message, ...(hint !== undefined && { hint }) };
  }
}

function summaryOf(app: DotnetApp): AppSummary {
  const { kind, needsRuntime, executable, launcher, assembly, args, version, aspnet, evidence } =
    app;
  const { model, language, readyToRun, trimmed, targetFramework } = app;
  return {
    kind,
    needsRuntime,
    executable,
    launcher,
    ...(assembly !== undefined && { assembly }),
    args,
    frameworks: app.frameworks.map(({ name, version, rollForward }) => ({
      name,
      version,
      rollForward,
    })),
    ...(version !== undefined && { version }),
    aspnet,
    model,
    ...(language !== undefined && { language }),
    readyToRun,
    trimmed,
    ...(targetFramework !== undefined && { targetFramework }),
    evidence,
  };
}
