import type { DotnetApp } from '../../dotnet/app.ts';
import type { ChosenRuntime } from '../../dotnet/choose.ts';
import { choosesCollector, isSpareCollector } from '../../dotnet/collector.ts';
import { baseName, folderOf } from '../../dotnet/command.ts';
import { unusedFor } from '../../dotnet/unused.ts';
import { lookup } from '../../tree/lookup.ts';
import type { Tree } from '../../tree/tree.ts';
import { isDistribution, otherTimeZones, systemData } from './distribution.ts';
import type { KeptFor, Verdict } from './verdict.ts';

/** Tells of a file by where it lies: `path` is absolute and free of links, `beside` has the names beside it. */
export type Judge = (path: string, beside: Names) => Verdict;

type Names = Pick<ReadonlySet<string>, 'has'>;

/** A folder of which all is kept, but for what .NET never reads. */
interface Zone {
  /** Absolute, free of links. */
  readonly folder: string;
  /** `folder` with a slash: how what lies in it begins. */
  readonly below: string;
  readonly reason: KeptFor;
}

/** Folders of many programs: an app in one of them is its own files there, not all of it. */
const sharedFolders = new Set([
  ...['', '/bin', '/sbin', '/usr/bin', '/usr/sbin', '/usr/lib', '/usr/libexec', '/usr/local/bin'],
]);

/** The judge of an app: its folder and working directory, its runtime, what .NET reads of every system. */
export function judgeOf(tree: Tree, app: DotnetApp, runtime: ChosenRuntime | undefined): Judge {
  const own = ownFiles(app);
  const zones = zonesOf(tree, app, runtime);
  const hasCollector = !choosesCollector(app);
  return (path, beside) => {
    if (otherTimeZones.test(path)) return { dropped: 'distribution' };
    const zone = zones.find(({ folder, below }) => path.startsWith(below) || path === folder);
    if (zone !== undefined) {
      if (hasCollector && isSpareCollector(path)) return { dropped: 'other-collector' };
      const unused = unusedFor(path.slice(zone.folder.length + 1), beside, app.architecture);
      return unused === undefined ? { kept: zone.reason } : { dropped: unused };
    }
    if (own(path)) return { kept: 'app' };
    if (runtime !== undefined && path.startsWith(`${runtime.root}/`)) {
      return { dropped: 'other-runtime' };
    }
    if (isDistribution(path)) return { dropped: 'distribution' };
    return { kept: path.startsWith('/etc/') ? 'system-data' : 'own-files' };
  };
}

function zonesOf(
  tree: Tree,
  { executable, assembly, workingDirectory }: DotnetApp,
  runtime: ChosenRuntime | undefined,
): readonly Zone[] {
  const programs = [assembly, executable].filter((path) => path !== undefined);
  const folders = [...programs.map(folderOf), workingDirectory.replace(/\/+$/, '')];
  const candidates: Zone[] = [
    ...(runtime?.parts ?? []).map((part) => zone(`${runtime?.root}/${part}`, 'runtime')),
    ...folders
      .filter((folder) => !sharedFolders.has(folder) && folder !== runtime?.root)
      .map((folder) => zone(folder, 'app')),
    ...systemData.map((path) => zone(path, 'system-data')),
  ];
  return candidates.flatMap(({ folder, reason }) => {
    const real = lookup(tree, folder)?.path;
    return real === undefined || sharedFolders.has(real === '/' ? '' : real)
      ? []
      : [zone(real, reason)];
  });
}

function zone(folder: string, reason: KeptFor): Zone {
  return { folder, below: `${folder}/`, reason };
}

/** Files of an app that lies in a folder of many. */
function ownFiles({ executable, assembly }: DotnetApp): (path: string) => boolean {
  const stems = [assembly, executable]
    .filter((path) => path !== undefined && sharedFolders.has(folderOf(path)))
    .map((path) => `${path?.replace(/\.(?:dll|exe)$/, '')}`)
    .filter((stem) => baseName(stem) !== 'dotnet');
  return (path) => stems.some((stem) => path === stem || path.startsWith(`${stem}.`));
}
