import type { DotnetApp } from '../dotnet/app.ts';
import type { BundledApp } from '../dotnet/bundled.ts';
import { type Files, readWhole } from '../dotnet/files.ts';
import { objectOf, parseHostJson } from '../dotnet/json.ts';
import { hostJsonCap } from '../dotnet/runtimeconfig.ts';
import type { Evidence, Finding } from './finding.ts';

/** Who asks for a heap for every processor; undefined where nobody does. Variables win over settings. */
export function serverGcOf(
  { assembly, executable }: Pick<DotnetApp, 'assembly' | 'executable'>,
  files: Files,
  bundle: BundledApp | undefined,
  env: ReadonlyMap<string, string>,
): Evidence | undefined {
  const variable = ['DOTNET_gcServer', 'COMPlus_gcServer'].find((name) => env.has(name));
  const value = variable === undefined ? undefined : env.get(variable);
  if (value !== undefined) {
    return /^(0x)?0*1$/i.test(value) ? { found: `${variable}=${value}` } : undefined;
  }
  const found = 'System.GC.Server=true';
  if (bundle !== undefined) {
    const file = `${executable}!${bundle.entry.replace(/\.dll$/, '.runtimeconfig.json')}`;
    return asksFor(bundle.runtimeConfig) ? { file, found } : undefined;
  }
  const file = assembly?.replace(/\.[^./]*$/, '.runtimeconfig.json');
  if (file === undefined || !asksFor(readWhole(files, file, hostJsonCap))) return undefined;
  return { file, found };
}

function asksFor(bytes: Uint8Array | undefined): boolean {
  if (bytes === undefined) return false;
  try {
    const options = objectOf(objectOf(parseHostJson(bytes))?.get('runtimeOptions'));
    const value = objectOf(options?.get('configProperties'))?.get('System.GC.Server');
    return String(value).toLowerCase() === 'true';
  } catch {
    return false;
  }
}

export function checkServerGc(evidence: Evidence | undefined): readonly Finding[] {
  if (evidence === undefined) return [];
  return [
    {
      rule: 'server-gc',
      severity: 'note',
      evidence,
      consequence:
        'each processor of the machine gets a heap of its own, and garbage is let lie: the smallest app takes 72 MiB to start with one processor, 80 with two, 88 with four, and more under load',
      fix: 'give the machine one processor or more memory, or set --env DOTNET_gcServer=0',
    },
  ];
}
