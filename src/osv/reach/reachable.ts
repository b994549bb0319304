import type { DotnetApp } from '../../dotnet/app.ts';
import type { ChosenRuntime } from '../../dotnet/choose.ts';
import { type Files, filesOfTree } from '../../dotnet/files.ts';
import { ConvertError } from '../../error.ts';
import type { Contents } from '../../tree/contents.ts';
import { lookup } from '../../tree/lookup.ts';
import type { DirectoryNode, Tree } from '../../tree/tree.ts';
import { walkTree } from '../../tree/walk.ts';
import { loadedNatives } from '../natives.ts';
import { matcherOf } from './glob.ts';
import { librariesByName, openedByLoaded } from './natives.ts';
import { foldersAbove, keptTree } from './prune.ts';
import type { DroppedFor, KeptFor, Verdict } from './verdict.ts';
import { judgeOf } from './zones.ts';

export interface ReachOptions {
  /** Globs of what is kept whatever is known of it. */
  readonly keep: readonly string[];
  /** Globs of what is left out; they win. */
  readonly drop: readonly string[];
  /** Paths of what was added on purpose, which is kept like what `keep` names. */
  readonly added?: ReadonlySet<string>;
}

/** What runs, and where. */
export interface Started {
  readonly app: DotnetApp;
  readonly runtime: ChosenRuntime | undefined;
  /** Absolute in the tree. */
  readonly program: string;
  /** Folders that OSv mounts over. */
  readonly ramfs?: readonly string[];
}

export interface Reachable {
  readonly tree: Tree;
  /** Bytes of files by reason, each name counted. */
  readonly kept: Totals<KeptFor>;
  readonly dropped: Totals<DroppedFor>;
}

export type Totals<Reason extends string> = Readonly<
  Partial<Record<Reason, { readonly files: number; readonly bytes: number }>>
>;

/**
 * What of a composed root an app can reach: its own folder and working directory, its runtime, the
 * libraries these load, what .NET reads of every system, and all that is not the distribution's. Parts
 * that OSv never loads are left out, and the host is told so in deps.json.
 * @throws ConvertError `USAGE` when `drop` leaves out the program itself.
 */
export function reachable(
  tree: Tree,
  contents: Contents,
  started: Started,
  options: ReachOptions,
): Reachable {
  const { verdicts, files, links } = judgeAll(tree, started, options);
  const keep = (path: string, reason: KeptFor): void => {
    const verdict = verdicts.get(path);
    if (verdict && 'dropped' in verdict && verdict.dropped !== 'asked') {
      verdicts.set(path, { kept: reason });
    }
  };
  keepNatives(filesOfTree(tree, contents, started.app.architecture), verdicts, started, keep);
  keepTargets(tree, verdicts, links, keep);
  keepLinks(tree, verdicts, links, keep);
  requireProgram(tree, verdicts, started);
  return {
    tree: keptTree(tree, contents, verdicts, [
      started.app.workingDirectory,
      ...(started.ramfs ?? []),
    ]),
    ...totalsOf(files, verdicts),
  };
}

type Verdicts = Map<string, Verdict>;

/** A tree's parts, each in the order of a walk. */
interface Judged {
  /** Of every file, link, device and empty folder, by its path. */
  readonly verdicts: Verdicts;
  readonly files: readonly { readonly path: string; readonly size: number }[];
  /** Paths. */
  readonly links: ReadonlySet<string>;
}

function judgeAll(
  tree: Tree,
  { app, runtime, ramfs = [] }: Started,
  options: ReachOptions,
): Judged {
  const judge = judgeOf(tree, app, runtime);
  const isDropped = matcherOf(options.drop);
  const isKept = matcherOf(options.keep);
  const asked = new Set([...(options.added ?? []), ...ramfs]);
  const verdicts: Verdicts = new Map();
  let beside: DirectoryNode['entries'] = new Map();
  const folders = new Map([['', tree.root.entries]]);
  const files: { path: string; size: number }[] = [];
  const links = new Set<string>();
  for (const { path, node } of walkTree(tree)) {
    if (node.kind === 'directory') {
      folders.set(path === '/' ? '' : path, node.entries);
      if (node.entries.size > 0) continue;
    }
    if (node.kind === 'file') files.push({ path, size: node.content.size });
    if (node.kind === 'symlink') links.add(path);
    beside = folders.get(path.slice(0, path.lastIndexOf('/'))) ?? beside;
    if (isDropped(path)) verdicts.set(path, { dropped: 'asked' });
    else if (isKept(path) || asked.has(path)) verdicts.set(path, { kept: 'asked' });
    else verdicts.set(path, judge(path, beside));
  }
  return { verdicts, files, links };
}

type Keep = (path: string, reason: KeptFor) => void;

/** The program, the native parts of app and runtime, what is opened by name, and all that these need. */
function keepNatives(files: Files, verdicts: Verdicts, started: Started, keep: Keep): void {
  const { app, program } = started;
  const kept = keptBy(verdicts, 'app', 'runtime', 'own-files', 'asked');
  const natives = kept.filter((path) => /\.so(?:\.|$)/.test(path));
  const assemblies = keptBy(verdicts, 'app').filter((path) => path.endsWith('.dll'));
  const opened = librariesByName(app, files, assemblies);
  const loaded = loadedNatives(files, [program, ...natives, ...opened]);
  const modules = openedByLoaded(loaded, files);
  for (const { path } of [...loaded, ...loadedNatives(files, modules)]) {
    keep(path, 'native-library');
  }
}

function keptBy(verdicts: Verdicts, ...reasons: readonly KeptFor[]): readonly string[] {
  return [...verdicts].flatMap(([path, verdict]) =>
    'kept' in verdict && reasons.includes(verdict.kept) ? [path] : [],
  );
}

/** A link out of what is kept may lead to a part of the distribution, but not to all of /usr/lib. */
const leastDepth = 4;

/** What kept links lead to. What is kept for that may have links of its own. */
function keepTargets(tree: Tree, verdicts: Verdicts, links: ReadonlySet<string>, keep: Keep): void {
  const pending = [...verdicts].filter(([path]) => links.has(path));
  // Of a hostile image each of many links may lead to the same folder of many files.
  const seen = new Set<string>();
  for (let next = pending.pop(); next; next = pending.pop()) {
    const [path, verdict] = next;
    if (!('kept' in verdict)) continue;
    const target = lookup(tree, path);
    if (target === undefined || seen.has(target.path)) continue;
    seen.add(target.path);
    const isPart = target.path.split('/').length >= leastDepth;
    const below = target.node.kind !== 'directory' ? [''] : isPart ? namesBelow(target.node) : [];
    for (const name of below) {
      const wanted = target.path + name;
      const before = verdicts.get(wanted);
      keep(wanted, verdict.kept);
      const after = verdicts.get(wanted);
      if (after !== undefined && after !== before && links.has(wanted)) {
        pending.push([wanted, after]);
      }
    }
  }
}

function namesBelow(root: DirectoryNode): readonly string[] {
  return [...walkTree({ root })].flatMap(({ path, node }) =>
    node.kind === 'directory' ? [] : [path],
  );
}

/** Links that lead to what is kept, so that it is found by all its names. */
function keepLinks(tree: Tree, verdicts: Verdicts, links: ReadonlySet<string>, keep: Keep): void {
  const kept = [...verdicts].flatMap(([path, verdict]) => ('kept' in verdict ? [path] : []));
  const folders = foldersAbove(kept);
  for (const path of links) {
    if ('kept' in (verdicts.get(path) ?? {})) continue;
    const target = lookup(tree, path);
    if (target === undefined) continue;
    const reached = verdicts.get(target.path);
    if (reached && 'kept' in reached) keep(path, reached.kept);
    else if (folders.has(target.path)) keep(path, 'system-data');
  }
}

function requireProgram(tree: Tree, verdicts: Verdicts, { app, program }: Started): void {
  for (const name of [program, ...(app.assembly === undefined ? [] : [app.assembly])]) {
    const path = lookup(tree, name)?.path ?? name;
    const verdict = verdicts.get(path);
    if (verdict === undefined || 'kept' in verdict) continue;
    throw new ConvertError(
      'USAGE',
      `leaving out files: found the program ${path} among what --drop names, wanted it kept`,
    );
  }
}

function totalsOf(files: Judged['files'], verdicts: Verdicts): Pick<Reachable, 'kept' | 'dropped'> {
  const kept: Record<string, { files: number; bytes: number }> = {};
  const dropped: Record<string, { files: number; bytes: number }> = {};
  for (const { path, size } of files) {
    const verdict = verdicts.get(path);
    if (verdict === undefined) continue;
    const [totals, reason] =
      'kept' in verdict ? [kept, verdict.kept] : ([dropped, verdict.dropped] as const);
    const total = totals[reason] ?? { files: 0, bytes: 0 };
    totals[reason] = { files: total.files + 1, bytes: total.bytes + size };
  }
  return { kept, dropped };
}
