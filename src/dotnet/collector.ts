import type { DotnetApp } from './app.ts';

/** Garbage collectors beside the one in libcoreclr, each a library of its own. */
const spare = /\/libclrgc(?:exp)?\.so$/;

/** Whether a file is loaded only where a setting asks for another garbage collector. */
export function isSpareCollector(path: string): boolean {
  return spare.test(path);
}

/** Whether a setting asks for one (dotnet/runtime, gcheaputilities.cpp: GCName, GCPath). */
export function choosesCollector({
  env,
  properties,
}: Pick<DotnetApp, 'env' | 'properties'>): boolean {
  return ['Name', 'Path'].some(
    (setting) =>
      env.has(`DOTNET_GC${setting}`) ||
      env.has(`COMPlus_GC${setting}`) ||
      properties?.has(`System.GC.${setting}`),
  );
}
