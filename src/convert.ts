import type { Store } from '../store/index.ts';
import { imageOf } from './disk/access-pieces.ts';
import type { FileIdentity } from './disk/file-stamp.ts';
import { type Compression, type OutputFormat, refuseKernelBeside } from './disk/formats.ts';
import { writeImage } from './disk/output.ts';
import { pieces } from './disk/segment.ts';
import {
  architectureOf,
  machineOf,
  refuseOutput,
  sizeIn,
  writeDiskOutput,
  writeReport,
} from './disk-output.ts';
import { type DiskOutput, parseDiskOutput } from './disk-target.ts';
import { findingsOf, refuseErrors } from './findings.ts';
import { areStamped } from './host-stamp.ts';
import { type KernelWishes, prepareWithKernel, requireKernel } from './kernel-choice.ts';
import { layOut } from './lay-out.ts';
import { fileSystemsOf, requireMountable } from './mountable.ts';
import { bootRank } from './osv/boot-order.ts';
import { kernelArchitectureOf } from './osv/kernel.ts';
import { type GuestWishes, prepare } from './prepare.ts';
import { withHealing } from './pull/heal.ts';
import { obtain } from './pull/pull.ts';
import { createReport, type Report, withFindings } from './report.ts';
import { planRofs } from './rofs/plan.ts';
import { withLayers } from './tree/open-layers.ts';
import type { Tree } from './tree/tree.ts';

export interface ConvertOptions extends GuestWishes {
  /** By the name of the output where it is absent. */
  readonly format?: OutputFormat;
  /** Of a qcow2 disk, or the one in a containerDisk. */
  readonly compression?: Compression;
  /** `bios`: the kernel is on the disk. `direct`: the hypervisor brings it. */
  readonly boot: 'bios' | 'direct';
  /** Build what cannot run, too. */
  readonly force?: boolean;
}

/**
 * The whole pipeline: image → tree → app → runtime → guest → ROFS → disk at `output`, and the report at
 * `output.json`; where `output` is `store:NAME`, an image of KubeVirt there, and no report. What goes with a
 * disk for aarch64 and cannot be on it, the kernel with its command line, is `output.kernel`. The same image,
 * runtime, kernel and options give the same bytes. Damage that is met in the store is mended where it can be.
 * @throws ConvertError any code of the table but those of machines; StoreError. Nothing half-written stays.
 */
export async function convert(
  store: Store,
  reference: string,
  output: string,
  options: ConvertOptions,
): Promise<Report> {
  const target = parseDiskOutput(output, options.format);
  refuseOutput(target, options.boot, options.compression);
  return await withHealing(store, options, () =>
    withDraft(
      store,
      reference,
      { ...options, format: target.format },
      async (draft) => (await draft.write(target)).report,
    ),
  );
}

/** A disk of which everything is decided, and nothing written. */
export interface DiskDraft {
  readonly tree: Tree;
  /** As it will be, but for the warnings: what is known beforehand of the app is not looked for yet. */
  readonly report: Report;
  /** False where files of this host are in it of which no stamp tells. */
  readonly isStamped: boolean;
  /** Checks the app and writes the disk, in the format of the draft, and its report. @throws as `convert`. */
  write(target: DiskOutput): Promise<WrittenDraft>;
}

export interface WrittenDraft {
  readonly report: Report;
  /** What a disk is made of, by what stands behind its name: '' for itself, `.kernel`, `.json`; none in a store. */
  readonly files: ReadonlyMap<string, FileIdentity>;
}

export type DraftOptions = ConvertOptions & { readonly format: OutputFormat };

/** Works on a disk of `reference` that is laid out. @throws as `convert`, but nothing of outputs. */
export async function withDraft<T>(
  store: Store,
  reference: string,
  options: DraftOptions,
  work: (draft: DiskDraft) => Promise<T>,
): Promise<T> {
  const { onEvent, signal, compression, boot, format, memory } = options;
  const form = boot === 'bios' ? { form: 'loader' as const } : {};
  await requireKernel(store, { ...options, ...form });
  const image = await obtain(store, reference, options);
  const architecture = kernelArchitectureOf(image.platform);
  const fileSystems = fileSystemsOf(options);
  const wishes: KernelWishes = { ...options, ...form, architecture, fileSystems };
  return await withLayers(store, async (open) => {
    const { contents } = open;
    const { kernel, prepared } = await prepareWithKernel(store, wishes, (one) =>
      prepare(store, open, image, one, options),
    );
    if (prepared.kind === 'stopped') throw prepared.reason;
    const { app, runnable, guest, additions } = prepared;
    await requireMountable(store, kernel, guest);
    const rofs = planRofs(guest.tree, { rank: bootRank(guest.program, app) });
    const parts = { boot, architecture, kernel, guest, rofs };
    const { disk: plan, kernelImage } = await layOut(store, parts);
    if (kernelImage) refuseKernelBeside(format);
    const disk = { ...plan, size: sizeIn(format, plan.size) };
    const asked = { additions, memory, volumes: options.volumes ?? [] };
    const made = { image, app, runnable, kernel, guest, ...asked, rofs, disk, format };
    const draft = createReport(made);
    const source = {
      size: disk.size,
      pieces: () => pieces(disk.segments(), disk.size, contents),
    };

    async function write(target: DiskOutput): Promise<WrittenDraft> {
      const findings = findingsOf(prepared);
      if (options.force !== true) refuseErrors(findings);
      const report = withFindings(draft, findings);
      for (const text of report.warnings) onEvent?.({ event: 'warning', text });
      const path = target.format === 'containerdisk' ? target.name : target.path;
      const { identity } = await writeDiskOutput(store, source, target, {
        ...(compression && { compression }),
        ...(signal && { signal }),
        machine: machineOf(image.name),
        architecture: architectureOf(image.platform),
        onProgress: (progress) => onEvent?.({ event: 'write', path, ...progress }),
      });
      const files = new Map<string, FileIdentity>();
      if (identity === undefined) return { report, files };
      files.set('', identity);
      if (kernelImage) {
        const beside = await writeImage(imageOf(kernelImage), `${path}.kernel`, { format: 'raw' });
        files.set('.kernel', beside.identity);
      }
      files.set('.json', await writeReport(report, `${path}.json`));
      return { report, files };
    }

    const isStamped = areStamped(runnable.libraries, image.platform);
    return await work({ tree: guest.tree, report: draft, isStamped, write });
  });
}
