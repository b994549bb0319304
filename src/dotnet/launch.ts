import type { DotnetApp } from './app.ts';
import { rootVariableOf } from './architecture.ts';
import { wantsExec } from './host-options.ts';

/** What OSv is to run. */
export interface Launch {
  /** Absolute, without links: OSv has no PATH, and `dotnet` finds its folder by its real path. */
  readonly program: string;
  readonly args: readonly string[];
  /** Variables the app cannot start without, in place of its own. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * How `app` starts. What is an assembly with a shared runtime is started by that runtime's `dotnet`,
 * even where the image has an apphost: the apphost may be linked to another C library, and would look
 * for the runtime.
 * @param runtimeRoot the .NET folder in the built image; needed when the app needs a runtime.
 */
export function launchOf(app: DotnetApp, runtimeRoot: string | undefined): Launch {
  const { hostOptions, assembly } = app;
  const viaMuxer = app.kind === 'framework-dependent' || app.launcher === 'muxer';
  if (!viaMuxer || assembly === undefined) {
    return {
      program: app.executable,
      args: [...hostOptions, ...app.args],
      env: runtimeRoot === undefined ? {} : rootVariables(app, runtimeRoot),
    };
  }
  return {
    program: runtimeRoot === undefined ? app.executable : `${runtimeRoot}/dotnet`,
    args: [...(wantsExec(hostOptions) ? ['exec'] : []), ...hostOptions, assembly, ...app.args],
    env: {},
  };
}

/** The host looks where these lead before all else; the image's own may lead to a runtime that does not fit. */
function rootVariables({ env, architecture }: DotnetApp, runtimeRoot: string): Launch['env'] {
  const own = rootVariableOf(architecture);
  return {
    DOTNET_ROOT: runtimeRoot,
    ...(env.has(own) && { [own]: runtimeRoot }),
  };
}
