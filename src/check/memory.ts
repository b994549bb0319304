import type { DotnetApp } from '../dotnet/app.ts';
import { folderOf } from '../dotnet/command.ts';
import type { Tree } from '../tree/tree.ts';
import { walkTree } from '../tree/walk.ts';
import type { Finding } from './finding.ts';

const MiB = 1 << 20;

/** The smallest machines in which they ran, in MiB: the smallest .NET app, and a C program. */
const managedBase = 128;
const nativeBase = 32;

/**
 * An estimate of the memory a machine needs: the base as measured, and twice the bytes of what the app
 * brings to be run, once in OSv's cache of the disk, which forgets nothing (rofs_cache.cc), and once loaded.
 */
export function estimateMemory(
  tree: Tree,
  app: Pick<DotnetApp, 'kind' | 'assembly' | 'executable'>,
): Finding {
  const program = app.assembly ?? app.executable;
  const folder = `${folderOf(program)}/`;
  let bytes = 0;
  for (const { path, node } of walkTree(tree)) {
    const isCode = /\.(?:dll|so(?:\.[\d.]+)?)$/.test(path) && path.startsWith(folder);
    if (node.kind === 'file' && (isCode || path === program)) bytes += node.content.size;
  }
  const base = app.kind === 'native-aot' ? nativeBase : managedBase;
  const wanted = Math.ceil((base + (2 * bytes) / MiB) / 16) * 16;
  return {
    rule: 'memory',
    severity: 'note',
    evidence: { file: program, found: `${Math.ceil(bytes / 1024)} KiB of code` },
    consequence: `the machine needs ${wanted} MiB or more: ${base} MiB as measured for the smallest app and twice its code, without what it allocates`,
    fix: `osv-convert run --memory ${Math.max(wanted, 512)}M`,
  };
}
