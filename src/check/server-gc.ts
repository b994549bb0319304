import type { DotnetApp } from '../dotnet/app.ts';
import { type Files, readWhole } from '../dotnet/files.ts';
import { objectOf, parseHostJson } from '../dotnet/json.ts';
import { hostJsonCap } from '../dotnet/runtimeconfig.ts';
import type { Finding } from './finding.ts';

/** Whether an app asks for a heap for every processor; what a bundle says of it is not looked at. */
export function checkServerGc(
  { assembly }: Pick<DotnetApp, 'assembly'>,
  files: Files,
  env: ReadonlyMap<string, string>,
): readonly Finding[] {
  const variable = ['DOTNET_gcServer', 'COMPlus_gcServer'].find((name) => env.has(name));
  const value = variable === undefined ? undefined : env.get(variable);
  if (value !== undefined) return /^(0x)?0*1$/i.test(value) ? [found(`${variable}=${value}`)] : [];
  const file = assembly?.replace(/\.[^./]*$/, '.runtimeconfig.json');
  if (file === undefined || !asksFor(readWhole(files, file, hostJsonCap))) return [];
  return [found('System.GC.Server=true', file)];
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

function found(what: string, file?: string): Finding {
  return {
    rule: 'server-gc',
    severity: 'note',
    evidence: { found: what, ...(file !== undefined && { file }) },
    consequence:
      'each processor of the machine gets a heap of its own: a small machine runs out of memory',
    fix: 'give the machine one processor or more memory, or set --env DOTNET_gcServer=0',
  };
}
