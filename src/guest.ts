import { checkEnvironment } from './check/environment.ts';
import type { Finding } from './check/finding.ts';
import { checkKernel } from './check/kernel.ts';
import { missingLibraries, replacedFiles } from './check/libraries.ts';
import { checkRelocations } from './check/relocations.ts';
import type { DotnetApp } from './dotnet/app.ts';
import { folderOf } from './dotnet/command.ts';
import { filesOfTree } from './dotnet/files.ts';
import { launchOf } from './dotnet/launch.ts';
import { onRuntime } from './dotnet/on-runtime.ts';
import { readElf } from './elf/read.ts';
import { codeSize } from './osv/base-memory.ts';
import { bundleDirectory, unpackBundle } from './osv/bundle.ts';
import { encodeCommandLine } from './osv/command-line.ts';
import type { DataMount } from './osv/data-mounts.ts';
import { type Environment, osvEnvironment } from './osv/environment.ts';
import type { Kernel } from './osv/kernel.ts';
import { hasIcu } from './osv/libraries.ts';
import { type Reachable, type ReachOptions, reachable } from './osv/reach/reachable.ts';
import { relocateRoot } from './osv/relocate-root.ts';
import { composeRoot } from './osv/root.ts';
import type { DataFolders } from './osv/root-data.ts';
import type { KernelTraits } from './osv/runtime-settings.ts';
import type { RunnableTree } from './runtimes/add.ts';
import type { Contents } from './tree/contents.ts';
import { editTree } from './tree/edit.ts';
import type { Tree } from './tree/tree.ts';

/** What OSv is given: a root file system, and what to run in it how. */
export interface Guest {
  readonly tree: Tree;
  /** Absolute. */
  readonly program: string;
  readonly args: readonly string[];
  readonly workingDirectory: string;
  readonly env: ReadonlyMap<string, string>;
  /** The variables again, each with where it comes from. */
  readonly environment: Environment;
  readonly commandLine: Uint8Array;
  /** Folders with a ramfs, besides /tmp. */
  readonly ramfs: readonly string[];
  /** What the machine brings and OSv mounts. */
  readonly mounts: readonly DataMount[];
  /** Bytes by reason; undefined where all of the image is kept. */
  readonly reach: Omit<Reachable, 'tree'> | undefined;
  /** What of it will be otherwise than in a container, as far as libraries, files and settings tell. */
  readonly findings: readonly Finding[];
}

export interface GuestOptions {
  /** Variables of the guest; they win over everything. */
  readonly env: ReadonlyMap<string, string>;
  /** Undefined: all of the image is kept. */
  readonly reach: ReachOptions | undefined;
  /** What the kernel has for programs; undefined where it is not known. */
  readonly exports?: ReadonlySet<string> | undefined;
  /** Of the machine, as far as it is known: in MiB. */
  readonly memory?: number | undefined;
  readonly cpus?: number | undefined;
  /** Folders that are to be writable, as `parseTmpfs` gives them. */
  readonly tmpfs?: readonly string[] | undefined;
  readonly data?: DataFolders | undefined;
  /** Paths of what the user added. */
  readonly added?: ReadonlySet<string> | undefined;
}

/**
 * Turns an app and its runnable tree into a guest. No I/O but reads of the tree's files.
 * @throws ConvertError `ROOT_CONFLICT`, `COMMAND_LINE_INEXPRESSIBLE`, `APP_INVALID`, `USAGE`.
 */
export function composeGuest(
  found: DotnetApp,
  { tree: whole, runtime, lacking }: RunnableTree,
  contents: Contents,
  kernel: Kernel | undefined,
  { env: user, reach: options, exports, memory, cpus, tmpfs = [], data, added }: GuestOptions,
): Guest {
  const app = onRuntime(found, runtime);
  const launch = launchOf(app, runtime?.root);
  const unpacked = unpackBundle(whole, contents, app);
  const root = composeRoot(
    editTree(whole, unpacked),
    { ...app, executable: launch.program },
    {
      tmpfs,
      ...(data && { data }),
      ...(added && { added }),
      needed: [...(runtime ? [runtime.root] : []), ...unpacked.map(({ path }) => path)],
    },
  );
  const mounted = [...root.ramfs, ...root.data.map(({ path }) => path)];
  const { tree: reached, ...reach } =
    options === undefined
      ? { tree: root.tree }
      : reachable(
          root.tree,
          contents,
          { app, runtime, program: launch.program, ramfs: mounted },
          options,
        );
  const relocated = relocateRoot(reached, contents, launch.program, app.architecture);
  const { tree } = relocated;
  const appFolder = folderOf(app.assembly ?? app.executable) || '/';
  const environment = osvEnvironment(app, {
    icu: hasIcu(tree, appFolder),
    user,
    start: launch.env,
    ...(kernel && { kernel: traitsOf(kernel, exports) }),
    machine: {
      codeSize: codeSize(tree, app),
      ...(memory !== undefined && { memory }),
      ...(cpus !== undefined && { cpus }),
    },
    ...(unpacked.length > 0 && { bundleDirectory }),
  });
  const env = new Map(environment.entries.map(({ name, value }) => [name, value]));
  const tlsSize = tlsSizeOf(tree, contents, launch.program);
  return {
    tree,
    program: launch.program,
    args: launch.args,
    workingDirectory: app.workingDirectory,
    env,
    environment,
    ramfs: root.ramfs,
    mounts: root.data,
    commandLine: commandLineOf({
      ...launch,
      workingDirectory: app.workingDirectory,
      env,
      mounts: root.data,
    }),
    reach: 'kept' in reach ? reach : undefined,
    findings: [
      ...(kernel === undefined ? [] : checkKernel(kernel, app, { tlsSize })),
      ...missingLibraries(lacking.missing),
      ...checkRelocations(relocated),
      ...replacedFiles(root.lost),
      ...checkEnvironment(environment.entries, app.env),
    ],
  };
}

/** The command line of a guest, as it stands on a disk or is handed over by the hypervisor. */
export function commandLineOf(
  guest: Pick<Guest, 'program' | 'args' | 'workingDirectory' | 'env' | 'mounts'>,
): Uint8Array {
  return encodeCommandLine({
    options: {
      rootfs: 'rofs',
      env: guest.env,
      cwd: guest.workingDirectory,
      powerOffOnAbort: true,
      mounts: guest.mounts,
    },
    program: guest.program,
    args: guest.args,
    stopThreads: true,
  });
}

function traitsOf({ version }: Kernel, exports: ReadonlySet<string> | undefined): KernelTraits {
  return {
    ...(version !== undefined && { version }),
    ...(exports !== undefined && { hasMemfd: exports.has('memfd_create') }),
  };
}

/** Bytes of thread-local data of the program OSv starts, a multiple of their alignment; static ones keep their own. */
export function tlsSizeOf(tree: Tree, contents: Contents, program: string): number {
  const elf = filesOfTree(tree, contents).read(program, readElf);
  if (elf?.kind !== 'elf' || elf.tls === undefined || elf.interpreter === undefined) return 0;
  const align = Math.max(elf.tls.align, 1);
  return Math.ceil(elf.tls.memorySize / align) * align;
}
