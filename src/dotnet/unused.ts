import type { Architecture } from './architecture.ts';

/** Why a file of an app or a runtime is never read on OSv, which stands in for Linux with glibc. */
export type Unused = 'other-platform' | 'symbols' | 'documentation' | 'debugger';

/** Loaded by debuggers, profilers and the maker of core dumps only: OSv has one process. */
const debuggerParts = new Set([
  'SOS_README.md',
  'createdump',
  'libcoreclrtraceptprovider.so',
  'libdbgshim.so',
  'libmscordaccore.so',
  'libmscordbi.so',
]);

/** Runtime identifiers that are none of ours and of nothing ours falls back to (RID catalog). */
const otherSystem =
  /^(?:win|osx|macos|ios|iossimulator|tvos|tvossimulator|maccatalyst|android|browser|wasi|freebsd|illumos|solaris|haiku|tizen|alpine|linux-musl|linux-bionic)/;
const processor =
  /-(x64|x86|arm|armel|armv6|arm64|s390x|ppc64le|loongarch64|mips64|riscv64|wasm)(?:-|$)/;

/** Whether assets of this RID are never taken on linux-x64, or linux-arm64. */
export function isOtherRid(rid: string, architecture: Architecture): boolean {
  const named = processor.exec(rid)?.[1];
  return otherSystem.test(rid) || (named !== undefined && named !== architecture);
}

/**
 * Tells whether a file is read: `path` is relative to the folder of the app or framework, `beside` the
 * names in its own folder.
 */
export function unusedFor(
  path: string,
  beside: Pick<ReadonlySet<string>, 'has'>,
  architecture: Architecture,
): Unused | undefined {
  const rid = /^runtimes\/([^/]+)\//.exec(path)?.[1];
  if (rid !== undefined && isOtherRid(rid, architecture)) return 'other-platform';
  const name = path.slice(path.lastIndexOf('/') + 1);
  const stem = name.replace(/\.[^.]*$/, '');
  if (debuggerParts.has(name)) return 'debugger';
  if (name.endsWith('.pdb') || name.endsWith('.dbg')) return 'symbols';
  if (name.endsWith('.xml') && beside.has(`${stem}.dll`)) return 'documentation';
  return undefined;
}
