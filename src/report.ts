import { type DiffID, type Digest, decodeName } from '../store/index.ts';
import type { AdditionRecord } from './additions/lay.ts';
import type { Finding } from './check/finding.ts';
import type { OutputFormat } from './disk/formats.ts';
import type { DiskPlan } from './disk/plan.ts';
import type { DotnetApp, DotnetAppKind } from './dotnet/app.ts';
import type { RuntimeOrigin } from './dotnet/choose.ts';
import { warningsOf } from './findings.ts';
import type { Guest } from './guest.ts';
import type { DataMount } from './osv/data-mounts.ts';
import type { Kernel } from './osv/kernel.ts';
import type { Volume } from './prepare.ts';
import type { StoredImage } from './pull/image.ts';
import type { RofsPlan } from './rofs/plan.ts';
import type { RunnableTree, RuntimeRecord } from './runtimes/add.ts';
import type { Tree } from './tree/tree.ts';
import { walkTree } from './tree/walk.ts';

/** `FILE.json`, what went into a disk; its shape is `schemas/report.schema.json`. Sizes in bytes. */
export interface Report {
  readonly version: 1;
  readonly image: {
    readonly reference: string;
    readonly manifest: Digest;
    readonly config: Digest;
    readonly platform: string;
    readonly layers: readonly {
      readonly digest: Digest;
      readonly diffID: DiffID;
      readonly size: number;
    }[];
  };
  readonly app: {
    readonly kind: DotnetAppKind;
    readonly program: string;
    readonly args: readonly string[];
    readonly workingDirectory: string;
    readonly aspnet: boolean;
  };
  readonly runtime: RuntimeReport | null;
  /** Layers added to the image's own: host files that were packed, or those of the runtime in the store. */
  readonly added: readonly DiffID[];
  /** What `--add` and `--copy-from` laid over the image, in order. */
  readonly additions: readonly AdditionRecord[];
  /** MiB that the machine was said to have; null where nothing was said. */
  readonly memory: number | null;
  readonly kernel: KernelReport | null;
  readonly disk: {
    readonly format: OutputFormat;
    readonly boot: 'bios' | 'direct';
    readonly size: number;
    readonly partition: { readonly offset: number; readonly size: number };
  };
  readonly rofs: {
    readonly files: number;
    readonly directories: number;
    readonly symlinks: number;
    readonly bytes: number;
  };
  /** Bytes of files by what they are kept for, and left out for; null where all of the image is kept. */
  readonly reach: Guest['reach'] | null;
  /** Folders with a ramfs, besides /tmp, in the order in which they are mounted. */
  readonly tmpfs: readonly string[];
  /** What a machine of this disk has to bring: disks with ext4, and folders of its host. */
  readonly volumes?: readonly VolumeReport[];
  readonly shares?: readonly { readonly path: string; readonly device: string }[];
  readonly commandLine: string;
  readonly env: Readonly<Record<string, string>>;
  readonly files: readonly {
    readonly path: string;
    readonly size: number;
    readonly digest: Digest;
  }[];
  readonly warnings: readonly string[];
}

export interface VolumeReport {
  readonly path: string;
  readonly device: string;
  /** Bytes that were asked for; null where nothing was said. */
  readonly size: number | null;
}

export interface RuntimeReport extends RuntimeRecord {
  readonly from: RuntimeOrigin;
  readonly frameworks: readonly { readonly name: string; readonly version: string }[];
  readonly hostfxr: string;
}

export interface KernelReport {
  readonly name: string;
  readonly architecture: string;
  readonly version?: string;
  readonly symbols: 'hidden' | 'exposed' | 'unknown';
  readonly loader?: Digest;
  readonly elf?: Digest;
}

interface ReportParts {
  readonly image: StoredImage;
  readonly app: DotnetApp;
  readonly runnable: RunnableTree;
  readonly kernel: Kernel | undefined;
  readonly guest: Guest;
  readonly additions: readonly AdditionRecord[];
  readonly memory: number | undefined;
  readonly volumes: readonly Volume[];
  readonly rofs: RofsPlan;
  readonly disk: DiskPlan;
  readonly format: OutputFormat;
}

/** The report of a disk of which nothing is written yet, and whose app was not looked at. */
export function createReport(parts: ReportParts): Report {
  const { image, app, guest, rofs, disk, format } = parts;
  const skipped = rofs.skipped.map(
    ({ path, kind }) => `${path} is a ${kind} node, which ROFS cannot hold: left out`,
  );
  const { counts, files } = nodesOf(guest.tree);
  return {
    version: 1,
    image: {
      reference: image.name,
      manifest: image.descriptor.digest,
      config: image.manifest.config.digest,
      platform: image.platform,
      layers: image.layers.map(({ descriptor: { digest, size }, diffID }) => ({
        digest,
        diffID,
        size,
      })),
    },
    app: {
      kind: app.kind,
      program: guest.program,
      args: guest.args,
      workingDirectory: guest.workingDirectory,
      aspnet: app.aspnet,
    },
    runtime: runtimeReport(parts.runnable),
    added: parts.runnable.added,
    additions: parts.additions,
    memory: parts.memory ?? null,
    kernel: kernelReport(parts.kernel),
    disk: { format, boot: disk.boot, size: disk.size, partition: disk.partition },
    rofs: { ...counts, bytes: rofs.size },
    reach: guest.reach ?? null,
    tmpfs: guest.ramfs,
    ...dataReport(guest.mounts, parts.volumes),
    commandLine: decodeName(guest.commandLine),
    env: Object.fromEntries(guest.env),
    files,
    warnings: skipped,
  };
}

/** A report of what was found meanwhile: all else in it is as it was. */
export function withFindings(report: Report, findings: readonly Finding[]): Report {
  return { ...report, warnings: [...warningsOf(findings), ...report.warnings] };
}

/** Volumes are mounted in the order in which they were asked for. */
function dataReport(
  mounts: Guest['mounts'],
  asked: readonly Volume[],
): Pick<Report, 'volumes' | 'shares'> {
  const of = (kind: DataMount['fileSystem']) => mounts.filter((one) => one.fileSystem === kind);
  return {
    volumes: of('ext').map(({ path, device }, at) => ({
      path,
      device,
      size: asked[at]?.size ?? null,
    })),
    shares: of('virtiofs').map(({ path, device }) => ({ path, device })),
  };
}

function runtimeReport({ runtime, origin }: RunnableTree): RuntimeReport | null {
  if (runtime === undefined) return null;
  const { from, frameworks, hostfxr } = runtime;
  return { from, frameworks, hostfxr, ...origin };
}

export function kernelReport(kernel: Kernel | undefined): KernelReport | null {
  if (kernel === undefined) return null;
  const { name, architecture, version, symbols, loader, elf } = kernel;
  return {
    name,
    architecture,
    ...(version !== undefined && { version }),
    symbols,
    ...(loader && { loader: loader.digest }),
    ...(elf && { elf: elf.digest }),
  };
}

function nodesOf(tree: Tree): {
  readonly counts: Pick<Report['rofs'], 'files' | 'directories' | 'symlinks'>;
  readonly files: Report['files'];
} {
  const counts = { file: 0, directory: 0, symlink: 0, special: 0 };
  const files: { path: string; size: number; digest: Digest }[] = [];
  for (const { path, node } of walkTree(tree)) {
    counts[node.kind] += 1;
    if (node.kind === 'file') {
      files.push({ path, size: node.content.size, digest: node.content.digest });
    }
  }
  return {
    counts: { files: counts.file, directories: counts.directory, symlinks: counts.symlink },
    files,
  };
}
