import type { Digest, Store } from '../store/index.ts';
import { findingOfFailure } from './check/failure.ts';
import { bySeverity, type Finding, type Severity } from './check/finding.ts';
import type { DotnetApp } from './dotnet/app.ts';
import { findingsOf } from './findings.ts';
import { prepareWithKernel, requireKernel } from './kernel-choice.ts';
import { type Kernel, type KernelArchitecture, kernelArchitectureOf } from './osv/kernel.ts';
import { fetchCommandFor } from './osv/kernel-needs.ts';
import { type GuestWishes, type Prepared, prepare } from './prepare.ts';
import { withHealing } from './pull/heal.ts';
import { obtain } from './pull/pull.ts';
import { type OpenLayers, withLayers } from './tree/open-layers.ts';

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
  options: GuestWishes,
): Promise<Checked> {
  return await withHealing(store, options, () => checkOnce(store, reference, options));
}

async function checkOnce(store: Store, reference: string, options: GuestWishes): Promise<Checked> {
  const wishes = { ...options, force: true };
  await requireKernel(store, wishes);
  const image = await obtain(store, reference, options);
  const architecture = kernelArchitectureOf(image.platform);
  return await withLayers(store, async (open) => {
    const { kernel, prepared } = await prepareWithKernel(
      store,
      { ...wishes, architecture },
      (one) => prepare(store, open, image, one, options),
    );
    const findings = bySeverity([
      ...failuresOf(prepared, open),
      ...findingsOf(prepared),
      ...unchecked(kernel, prepared.exports, architecture),
    ]);
    return {
      reference: image.name,
      digest: image.descriptor.digest,
      platform: image.platform,
      app: prepared.app === undefined ? null : summaryOf(prepared.app),
      kernel: kernel === undefined ? null : summaryOfKernel(kernel),
      counts: countsOf(findings),
      findings,
    };
  });
}

/** What looks like the fault of the image may be the store's, and is thrown then. */
function failuresOf(prepared: Prepared, { contents }: OpenLayers): readonly Finding[] {
  if (prepared.kind === 'ready') return [];
  const failure = findingOfFailure(prepared.reason);
  if (failure === undefined) throw prepared.reason;
  contents.verifyRead();
  return [failure];
}

/** What could not be looked at. */
function unchecked(
  kernel: Kernel | undefined,
  exports: ReadonlySet<string> | undefined,
  architecture: KernelArchitecture,
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
      fix: `get one, and check again: ${fetchCommandFor(architecture)}`,
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
