import type { DotnetApp } from '../dotnet/app.ts';
import { baseMemory, codeMemory, codeSize } from '../osv/base-memory.ts';
import type { Tree } from '../tree/tree.ts';
import type { Evidence, Finding } from './finding.ts';

/** Room for what an app allocates, in MiB: nothing of the image tells how much that is. */
const room = 128;

/** How much memory a machine needs to start the app, and how much it should be given to begin with. */
export function estimateMemory(
  tree: Tree,
  app: Pick<DotnetApp, 'kind' | 'assembly' | 'executable' | 'aspnet'>,
  serverGc: Evidence | undefined,
): Finding {
  const program = app.assembly ?? app.executable;
  const bytes = codeSize(tree, app);
  const base = baseMemory(app);
  const least = roundedUp(base + codeMemory(bytes), 8);
  const suggested = Math.max(256, roundedUp(2 * least + room, 64));
  return {
    rule: 'memory',
    severity: 'note',
    evidence: { file: program, found: `${Math.ceil(bytes / 1024)} KiB of code` },
    consequence:
      `the machine needs at least ${least} MiB to start it: ${base} MiB as measured for the smallest app of its kind, ` +
      `and one and a half times its code; what it allocates comes on top${serverGc === undefined ? '' : ', and each processor has a heap of its own'}`,
    fix: `begin with ${suggested} MiB: osv-convert run REF --memory ${suggested}M`,
  };
}

function roundedUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
