import type { DotnetApp } from './app.ts';

/** The major version of an app's .NET; undefined where no file tells it. */
export function majorOf({ version }: Pick<DotnetApp, 'version'>): number | undefined {
  const digits = /^\d{1,4}(?=\.|$)/.exec(version ?? '')?.[0];
  return digits === undefined ? undefined : Number(digits);
}
