import type { DotnetApp } from './app.ts';
import type { ChosenRuntime } from './choose.ts';
import { baseFramework } from './installed.ts';

/** The app with the .NET it runs on for its version: one made for .NET 6 may be rolled forward to 10. */
export function onRuntime<App extends Pick<DotnetApp, 'version'>>(
  app: App,
  runtime: Pick<ChosenRuntime, 'frameworks'> | undefined,
): App {
  const base = runtime?.frameworks.find(({ name }) => name === baseFramework);
  return base === undefined ? app : { ...app, version: base.version };
}
