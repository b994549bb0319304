import { checkAddresses } from './check/addresses.ts';
import { checkCode, scanApp } from './check/app.ts';
import { type Finding, sentenceOf } from './check/finding.ts';
import { checkConfig } from './check/image-config.ts';
import { checkImports, nativeNames } from './check/imports.ts';
import { missingOpenssl } from './check/libraries.ts';
import { checkLinks, settleLibraries } from './check/links.ts';
import { estimateMemory } from './check/memory.ts';
import { checkMusl } from './check/musl.ts';
import { nativeFolders, nativesOf } from './check/natives.ts';
import type { Scan } from './check/scan.ts';
import { checkServerGc, serverGcOf } from './check/server-gc.ts';
import { readSettings } from './check/settings.ts';
import { type IsWritable, writableWith } from './check/writable.ts';
import { checkLogConfigs, checkPaths } from './check/written-paths.ts';
import type { DotnetApp } from './dotnet/app.ts';
import { openBundledApp } from './dotnet/bundled.ts';
import { filesOfTree } from './dotnet/files.ts';
import { onRuntime } from './dotnet/on-runtime.ts';
import { ConvertError } from './error.ts';
import type { Guest } from './guest.ts';
import type { ExecutionConfig } from './oci/config.ts';
import { bundleDirectory } from './osv/bundle.ts';
import type { DataFolders } from './osv/root-data.ts';
import type { RunnableTree } from './runtimes/add.ts';
import type { Contents } from './tree/contents.ts';
import type { Tree } from './tree/tree.ts';

/** An image on its way to a disk, as far as it came. */
export interface Examined {
  readonly config: ExecutionConfig;
  readonly tree: Tree;
  readonly contents: Contents;
  readonly app?: DotnetApp | undefined;
  readonly runnable?: RunnableTree | undefined;
  readonly guest?: Guest | undefined;
  /** Paths of what the user added. */
  readonly added?: ReadonlySet<string>;
  /** What the kernel has for programs; undefined where it is not known. */
  readonly exports?: ReadonlySet<string> | undefined;
  /** Folders that are to be writable, as they were asked for. */
  readonly tmpfs?: readonly string[] | undefined;
  /** Folders of which the machine brings the data. */
  readonly data?: DataFolders | undefined;
}

/** All that is known beforehand of an app on OSv, in the order it was looked at. */
export function findingsOf(examined: Examined): readonly Finding[] {
  const { config, app, guest } = examined;
  return [
    ...(app === undefined ? (guest?.findings ?? []) : findingsOfApp(examined, app)),
    ...checkConfig(config, providedOf(examined)),
  ];
}

function findingsOfApp(examined: Examined, app: DotnetApp): readonly Finding[] {
  const { config, tree, contents, runnable, guest } = examined;
  const { architecture } = app;
  const files = filesOfTree(tree, contents, architecture);
  const bundle = openBundledApp(app, files);
  const env = guest?.env ?? app.env;
  const settings = readSettings(files, app, env);
  const scan = scanApp(app, files, bundle);
  const serverGc = serverGcOf(app, files, bundle, env);
  const isWritable = writableOf(examined);
  const listener = { app, env, settings, exposed: config.ExposedPorts };
  return [
    ...(guest === undefined ? [] : findingsOfNatives(examined, app, guest, scan)),
    ...(runnable?.lacking.hasOpenssl === false ? missingOpenssl(scan.cryptography) : []),
    ...checkMusl(app, files, runnable?.runtime, scan.imported),
    ...checkCode(onRuntime(app, runnable?.runtime), scan, env, isWritable),
    ...checkAddresses(listener, guest ? filesOfTree(guest.tree, contents, architecture) : files),
    ...checkPaths(settings, app, isWritable),
    ...checkLogConfigs(files, app, isWritable),
    ...checkServerGc(serverGc),
    ...(guest === undefined ? [] : [estimateMemory(guest.tree, app, serverGc)]),
  ];
}

/** Links in what was asked for lead to where it is mounted; either path may be used. */
function writableOf({ tmpfs = [], data, guest }: Examined): IsWritable {
  const mounted = guest?.mounts.filter(({ fileSystem }) => fileSystem === 'ext') ?? [];
  return writableWith([
    ...tmpfs,
    ...(data?.volumes ?? []),
    ...(guest?.ramfs ?? []),
    ...mounted.map(({ path }) => path),
  ]);
}

/** A volume of an image may be a folder that is only read, such as one of settings. */
function providedOf(examined: Examined): IsWritable {
  const isWritable = writableOf(examined);
  const shared = writableWith(examined.data?.shares ?? []);
  return (path) => isWritable(path) || shared(path);
}

/** What libraries are there, and whether they and the kernel have all that is called. */
function findingsOfNatives(
  { contents, runnable, exports, added }: Examined,
  app: DotnetApp,
  { tree, program, findings }: Guest,
  { imported }: Scan,
): readonly Finding[] {
  const folders = nativeFolders(
    app.assembly ?? app.executable,
    runnable?.runtime?.root,
    app.bundle && bundleDirectory,
  );
  const imports = checkImports(imported, { libraries: nativeNames(tree, folders), exports });
  if (exports === undefined) return [...findings, ...imports];
  const natives = nativesOf(
    filesOfTree(tree, contents, app.architecture),
    tree,
    program,
    folders,
    added,
  );
  const links = checkLinks(natives, exports);
  return [...settleLibraries(findings, natives, links), ...imports, ...links];
}

/** What `build` says of an app, a line each: notes are for `check`. */
export function warningsOf(findings: readonly Finding[]): readonly string[] {
  return findings.filter(({ severity }) => severity !== 'note').map(sentenceOf);
}

/** @throws ConvertError the code of the first finding that leaves nothing to run. */
export function refuseErrors(findings: readonly Finding[]): void {
  const fatal = findings.find(({ severity }) => severity === 'error');
  if (fatal === undefined) return;
  const { evidence, consequence, fix, code = 'APP_INVALID' } = fatal;
  throw new ConvertError(code, `checking the app: found ${evidence.found}: ${consequence}`, {
    hint: `${fix}\nor build all the same: --force`,
  });
}
