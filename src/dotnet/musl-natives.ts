import type { DotnetApp } from './app.ts';
import type { Architecture } from './architecture.ts';
import { folderOf } from './command.ts';
import { type Files, readWhole } from './files.ts';
import { isLinkedToMusl } from './musl.ts';
import { type NativeAsset, nativeAssetsOf } from './native-assets.ts';
import { hostJsonCap } from './runtimeconfig.ts';
import { isOtherRid } from './unused.ts';

/** What of an app's own native libraries a runtime for glibc cannot load. */
export interface MuslNatives {
  /** Packages with a library for musl and none for glibc. */
  readonly lacking: readonly { readonly library: string; readonly rids: readonly string[] }[];
  /** Files that the runtime would load and that are linked to musl; absolute. */
  readonly linked: readonly string[];
}

const muslRid = /^(?:linux-musl|alpine[.0-9]*)(?:-(x64|arm64))?$/;

/** No app has more; of a hostile image the rest goes unread. */
const fileCap = 4096;

/**
 * Looks where the host of .NET looks for natives: what deps.json names for linux-x64 (or -arm64) and for all systems
 * that it falls back to, and whatever lies beside the app (DOTNET.md 2.7, 6).
 */
export function muslNatives(
  files: Files,
  { assembly, executable }: Pick<DotnetApp, 'assembly' | 'executable'>,
): MuslNatives {
  const entry = assembly ?? executable;
  const folder = folderOf(entry);
  const deps = readWhole(files, entry.replace(/\.[^./]*$/, '.deps.json'), hostJsonCap);
  const assets = deps === undefined ? [] : nativeAssetsOf(deps);
  const chosen = assets
    .filter(({ rid }) => rid !== undefined && !isOtherRid(rid, files.architecture))
    .map(({ path }) => path);
  const beside = files.list(folder === '' ? '/' : folder).filter((name) => name.endsWith('.so'));
  return {
    lacking: lackingIn(assets, files.architecture),
    linked: [...new Set([...beside, ...chosen])]
      .slice(0, fileCap)
      .map((path) => `${folder}/${path}`)
      .filter((path) => isLinkedToMusl(files, path)),
  };
}

function lackingIn(
  assets: readonly NativeAsset[],
  architecture: Architecture,
): MuslNatives['lacking'] {
  const isForMusl = (rid: string): boolean => {
    const found = muslRid.exec(rid);
    return found !== null && (found[1] ?? architecture) === architecture;
  };
  const byLibrary = new Map<string, Set<string>>();
  for (const { library, rid } of assets) {
    const rids = byLibrary.get(library) ?? new Set();
    byLibrary.set(library, rids.add(rid ?? 'any'));
  }
  return [...byLibrary]
    .map(([library, rids]) => ({ library, rids: [...rids].sort() }))
    .filter(
      ({ rids }) => rids.some(isForMusl) && rids.every((rid) => isOtherRid(rid, architecture)),
    );
}
