import type { Digest, Store } from '../store/index.ts';
import { findingOfFailure } from './check/failure.ts';
import { bySeverity, type Finding, type Severity } from './check/finding.ts';
import type { DotnetApp } from './dotnet/app.ts';
import { describeApp } from './dotnet/describe.ts';
import { type Examined, findingsOf } from './findings.ts';
import { composeGuest } from './guest.ts';
import type { Kernel } from './osv/kernel.ts';
import { readKernelExports } from './osv/kernel-exports.ts';
import { findKernel, listKernels } from './osv/kernels.ts';
import { withHealing } from './pull/heal.ts';
import type { StoredImage } from './pull/image.ts';
import { obtain } from './pull/pull.ts';
import { addRuntime, type RuntimeOptions } from './runtime.ts';
import { type OpenLayers, withLayers } from './tree/open-layers.ts';

export interface CheckOptions extends RuntimeOptions {
  /** Name of a kernel in the store; the default one, if there is one, when absent. */
  readonly kernel?: string;
  /** Variables of the guest; they win over everything. */
  readonly env?: ReadonlyMap<string, string>;
}

/** What `check` tells; its shape is `schemas/check.schema.json`. */
export interface Checked {
  readonly reference: string;
  readonly digest: Digest;
  readonly platform: string;
  /** Null for an image without an app that could be checked. */
  readonly app: Pick<DotnetApp, 'kind' | 'executable' | 'aspnet' | 'version'> | null;
  /** Null where there was none to check against. */
  readonly kernel: Pick<Kernel, 'name' | 'version'> | null;
  readonly counts: Readonly<Record<Severity, number>>;
  /** The worst first. */
  readonly findings: readonly Finding[];
}

/**
 * Whether an image's app will run on OSv: everything that building a disk of it would do, but for the disk.
 * What is wrong with the image is a finding, and no failure.
 * @throws ConvertError the codes of `obtain` and of kernels; StoreError.
 */
export async function check(
  store: Store,
  reference: string,
  options: CheckOptions,
): Promise<Checked> {
  return await withHealing(store, options, () => checkOnce(store, reference, options));
}

async function checkOnce(store: Store, reference: string, options: CheckOptions): Promise<Checked> {
  const kernel = await kernelFor(store, options.kernel);
  const exports = kernel && (await readKernelExports(store, kernel));
  const image = await obtain(store, reference, options);
  return await withLayers(store, async (open) => {
    const { failure, ...examined } = await examine(store, open, image, kernel, options);
    const findings = bySeverity([
      ...(failure === undefined ? [] : [failure]),
      ...findingsOf({ ...examined, exports }),
      ...unchecked(kernel, exports),
    ]);
    return {
      reference: image.name,
      digest: image.descriptor.digest,
      platform: image.platform,
      app: examined.app === undefined ? null : summaryOf(examined.app),
      kernel: kernel === undefined ? null : summaryOfKernel(kernel),
      counts: countsOf(findings),
      findings,
    };
  });
}

/** The way to a disk, up to where it ends. What looks like the fault of the image may be the store's. */
async function examine(
  store: Store,
  open: OpenLayers,
  image: StoredImage,
  kernel: Kernel | undefined,
  options: CheckOptions,
): Promise<Examined & { readonly failure?: Finding }> {
  const { contents } = open;
  const { config } = image.config;
  const tree = await open.flatten(image.layers.map(({ diffID }) => diffID));
  let found: Examined = { config, tree, contents };
  try {
    const app = describeApp(tree, contents, config);
    found = { ...found, app };
    const runnable = await addRuntime(store, open, tree, app, options);
    const env = options.env ?? new Map();
    const reach = { keep: [], drop: [] };
    const guest = composeGuest(app, runnable, contents, kernel, { env, reach });
    return { ...found, runnable, guest };
  } catch (error) {
    const failure = findingOfFailure(error);
    if (failure === undefined) throw error;
    contents.verifyRead();
    return { ...found, failure };
  }
}

async function kernelFor(store: Store, name: string | undefined): Promise<Kernel | undefined> {
  if (name !== undefined) return await findKernel(store, name);
  return (await listKernels(store)).find(({ isDefault }) => isDefault)?.kernel;
}

/** What could not be looked at. */
function unchecked(
  kernel: Kernel | undefined,
  exports: ReadonlySet<string> | undefined,
): readonly Finding[] {
  if (exports !== undefined) return [];
  return [
    {
      rule: kernel === undefined ? 'kernel-unknown' : 'kernel-exports-unknown',
      severity: 'note',
      evidence: {
        found: kernel === undefined ? 'no kernel in the store' : `kernel ${kernel.name}`,
      },
      consequence:
        kernel === undefined
          ? 'missing functions, thread-local data and timers were not checked'
          : 'missing functions were not checked',
      fix: 'osv-convert kernel fetch, and check again',
    },
  ];
}

function summaryOf({ kind, executable, aspnet, version }: DotnetApp): Checked['app'] {
  return { kind, executable, aspnet, ...(version !== undefined && { version }) };
}

function summaryOfKernel({ name, version }: Kernel): Checked['kernel'] {
  return { name, ...(version !== undefined && { version }) };
}

function countsOf(findings: readonly Finding[]): Checked['counts'] {
  const count = (severity: Severity): number =>
    findings.filter((one) => one.severity === severity).length;
  return { error: count('error'), warning: count('warning'), note: count('note') };
}
