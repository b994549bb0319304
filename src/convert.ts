import type { Store } from '../store/index.ts';
import { writeDisk } from './disk/output.ts';
import { openOutputFile } from './disk/output-file.ts';
import { type DiskPlan, planDisk } from './disk/plan.ts';
import { ConvertError } from './error.ts';
import { findingsOf, refuseErrors } from './findings.ts';
import type { Guest } from './guest.ts';
import type { Kernel } from './osv/kernel.ts';
import { defaultKernel, findKernel } from './osv/kernels.ts';
import { type GuestWishes, prepare } from './prepare.ts';
import { withHealing } from './pull/heal.ts';
import { obtain } from './pull/pull.ts';
import { createReport, type Report } from './report.ts';
import { planRofs, type RofsPlan } from './rofs/plan.ts';
import type { SyncAccess } from './tree/access.ts';
import { withLayers } from './tree/open-layers.ts';

export interface ConvertOptions extends GuestWishes {
  readonly format: 'raw' | 'qcow2';
  /** `bios`: the kernel is on the disk. `direct`: the hypervisor brings it. */
  readonly boot: 'bios' | 'direct';
  /** Build what cannot run, too. */
  readonly force?: boolean;
}

/** Bytes of a loader.img that are read whole: OSv's are 2 to 5 MB. */
const loaderCap = 64 << 20;

/**
 * The whole pipeline: image → tree → app → runtime → guest → ROFS → disk at `output`, and the report at
 * `output.json`. The same image, runtime, kernel and options give the same bytes. Damage that is met in
 * the store is mended where it can be.
 * @throws ConvertError any code of the table but those of machines; StoreError. Nothing half-written stays.
 */
export async function convert(
  store: Store,
  reference: string,
  output: string,
  options: ConvertOptions,
): Promise<Report> {
  for (const path of [output, `${output}.json`]) openOutputFile(path).discard();
  return await withHealing(store, options, () => convertOnce(store, reference, output, options));
}

async function convertOnce(
  store: Store,
  reference: string,
  output: string,
  options: ConvertOptions,
): Promise<Report> {
  const { onEvent, format, boot } = options;
  const kernel = await kernelFor(store, options);
  const image = await obtain(store, reference, options);
  return await withLayers(store, async (open) => {
    const { contents } = open;
    const prepared = await prepare(store, open, image, kernel, options);
    if (prepared.kind === 'stopped') throw prepared.reason;
    const { app, runnable, guest, additions } = prepared;
    const findings = findingsOf(prepared);
    if (options.force !== true) refuseErrors(findings);
    const rofs = planRofs(guest.tree);
    const disk = await layOut(store, boot, kernel, guest, rofs);
    const report = createReport({
      image,
      app,
      runnable,
      kernel,
      guest,
      additions,
      memory: options.memory,
      findings,
      rofs,
      disk,
      format,
    });
    for (const text of report.warnings) onEvent?.({ event: 'warning', text });
    await writeDisk(disk, output, {
      format,
      contents,
      ...(options.signal && { signal: options.signal }),
      onProgress: (progress) => onEvent?.({ event: 'write', path: output, ...progress }),
    });
    await writeReport(report, `${output}.json`);
    return report;
  });
}

/** A disk for direct boot needs no kernel; the default one, where there is one, is still checked. */
async function kernelFor(
  store: Store,
  { boot, kernel }: ConvertOptions,
): Promise<Kernel | undefined> {
  if (boot === 'bios' || kernel !== undefined) return await findKernel(store, kernel);
  return await defaultKernel(store);
}

async function layOut(
  store: Store,
  boot: ConvertOptions['boot'],
  kernel: Kernel | undefined,
  { commandLine }: Guest,
  rofs: RofsPlan,
): Promise<DiskPlan> {
  if (boot === 'direct') return planDisk({ rofs });
  if (kernel?.loader === undefined) {
    throw new ConvertError(
      'KERNEL_NOT_FOUND',
      `laying out the disk: kernel ${kernel?.name} has an ELF only, wanted a loader.img, which boots from a disk`,
      {
        hint: `osv-convert kernel add --name ${kernel?.name} loader.img\nor build with --boot direct`,
      },
    );
  }
  const bytes = await store.blobs.read(kernel.loader.digest, loaderCap);
  return planDisk({ loader: accessOf(bytes), commandLine, rofs });
}

function accessOf(bytes: Uint8Array): SyncAccess {
  return {
    size: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
  };
}

async function writeReport(report: Report, path: string): Promise<void> {
  const file = openOutputFile(path);
  try {
    file.write(Buffer.from(`${JSON.stringify(report, undefined, 2)}\n`), 0);
    await file.commit();
  } finally {
    file.discard();
  }
}
