import type { DotnetApp } from '../dotnet/app.ts';
import { folderOf } from '../dotnet/command.ts';
import { lookup } from '../tree/lookup.ts';
import type { Tree } from '../tree/tree.ts';
import { walkFrom } from '../tree/walk.ts';

/**
 * The smallest machines, in MiB, in which the smallest app of a kind starts: found by bisection with OSv
 * v0.57.0-398 (hidden symbols), .NET 10.0.12 and one processor. They hold the kernel, what is read of the
 * disk, which its cache never forgets (rofs_cache.cc), and the runtime. The address space that the garbage
 * collector reserves takes no memory.
 */
const smallest = { native: 16, managed: 48, aspnet: 72 } as const;

/** Code is in memory in the cache of the disk, and in part once more: a single-file app of 135 MiB took 288. */
const copies = 1.5;

type App = Pick<DotnetApp, 'kind' | 'assembly' | 'executable' | 'aspnet'>;

/** What a machine holds before an app allocates anything, in MiB. */
export function baseMemory({ kind, aspnet }: Pick<App, 'kind' | 'aspnet'>): number {
  return smallest[kind === 'native-aot' ? 'native' : aspnet ? 'aspnet' : 'managed'];
}

/** What `bytes` of code take once they run, in MiB. */
export function codeMemory(bytes: number): number {
  return (copies * bytes) / (1 << 20);
}

/** Bytes of the code an app brings: its program, and the assemblies and libraries of its folder. */
export function codeSize(tree: Tree, app: Pick<App, 'assembly' | 'executable'>): number {
  const program = app.assembly ?? app.executable;
  const folder = folderOf(program);
  const found = lookup(tree, folder);
  // The paths of code are free of links, and so is its folder's.
  if (found === undefined || found.path !== (folder || '/')) return 0;
  let bytes = 0;
  for (const { path, node } of walkFrom(found)) {
    if (node.kind !== 'file') continue;
    if (path === program || /\.(?:dll|so(?:\.[\d.]+)?)$/.test(path)) bytes += node.content.size;
  }
  return bytes;
}
