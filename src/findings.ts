import { checkAddresses } from './check/addresses.ts';
import { checkCode } from './check/app.ts';
import { type Finding, sentenceOf } from './check/finding.ts';
import { checkConfig } from './check/image-config.ts';
import { checkLinks } from './check/links.ts';
import { estimateMemory } from './check/memory.ts';
import { nativeFolders, nativesOf } from './check/natives.ts';
import { checkServerGc } from './check/server-gc.ts';
import { readSettings } from './check/settings.ts';
import { checkPaths } from './check/written-paths.ts';
import type { DotnetApp } from './dotnet/app.ts';
import { filesOfTree } from './dotnet/files.ts';
import { ConvertError } from './error.ts';
import type { Guest } from './guest.ts';
import type { ExecutionConfig } from './oci/config.ts';
import { bundleDirectory } from './osv/bundle.ts';
import type { RunnableTree } from './runtime.ts';
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
  /** What the kernel has for programs; undefined where it is not known. */
  readonly exports?: ReadonlySet<string> | undefined;
}

/** All that is known beforehand of an app on OSv, in the order it was looked at. */
export function findingsOf(examined: Examined): readonly Finding[] {
  const { config, app, guest } = examined;
  return [
    ...(guest?.findings ?? []),
    ...(app === undefined ? [] : findingsOfApp(examined, app)),
    ...(app && guest ? findingsOfGuest(examined, app, guest) : []),
    ...checkConfig(config),
  ];
}

function findingsOfApp({ tree, contents, guest }: Examined, app: DotnetApp): readonly Finding[] {
  const files = filesOfTree(tree, contents);
  const env = guest?.env ?? app.env;
  const settings = readSettings(files, app, env);
  return [
    ...checkCode(app, files),
    ...checkAddresses(app, env, settings),
    ...checkPaths(settings, app.workingDirectory),
    ...checkServerGc(app, files, env),
  ];
}

function findingsOfGuest(
  { contents, runnable, exports }: Examined,
  app: DotnetApp,
  { tree, program }: Guest,
): readonly Finding[] {
  const folders = nativeFolders(
    app.assembly ?? app.executable,
    runnable?.runtime?.root,
    app.bundle && bundleDirectory,
  );
  return [
    ...(exports === undefined
      ? []
      : checkLinks(nativesOf(tree, contents, program, folders), exports)),
    estimateMemory(tree, app),
  ];
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
