import type { DotnetApp } from '../dotnet/app.ts';

/**
 * Where a file's data go on a disk, so that the reads of a start go forward: the host, the runtime, the app,
 * what the frameworks have besides, then all else. Files that one of these is told by name have a rank each.
 *
 * @param program what OSv starts, absolute.
 */
export function bootRank(
  program: string,
  { assembly, executable }: Pick<DotnetApp, 'assembly' | 'executable'>,
): (path: string) => number {
  const entry = assembly ?? executable;
  const appFolder = entry.slice(0, entry.lastIndexOf('/') + 1);
  const isInApp = (path: string): boolean => appFolder.length > 1 && path.startsWith(appFolder);
  const stem = entry.slice(appFolder.length).replace(/\.dll$/, '');
  const own = new Map([
    [program, ranks.program],
    [`${appFolder}${stem}.runtimeconfig.json`, ranks.runtimeconfig],
    [`${appFolder}${stem}.deps.json`, ranks.deps],
    [entry, ranks.entry],
  ]);

  return (path) => {
    const ofName = own.get(path) ?? rankOfName.get(path.slice(path.lastIndexOf('/') + 1));
    if (ofName !== undefined) return ofName;
    if (isInApp(path)) return ranks.app;
    return path.includes('/shared/Microsoft.') ? ranks.framework : ranks.rest;
  };
}

/** By what strace(1) shows of `dotnet console.dll` with .NET 10: what is opened first is first. */
const host = [
  'fstab',
  'libstdc++.so.6',
  'libgcc_s.so.1',
  'libhostfxr.so',
  'Microsoft.NETCore.App.runtimeconfig.json',
  'Microsoft.AspNetCore.App.runtimeconfig.json',
  'Microsoft.NETCore.App.deps.json',
  'libhostpolicy.so',
  'Microsoft.AspNetCore.App.deps.json',
];

const runtime = [
  'libcoreclr.so',
  'System.Private.CoreLib.dll',
  'libSystem.Native.so',
  'System.Runtime.dll',
  'libclrjit.so',
  'System.Console.dll',
  'System.Threading.dll',
  'System.Runtime.InteropServices.dll',
  'Microsoft.Win32.Primitives.dll',
];

/** The same of an ASP.NET Core app, up to its first answer. */
const web = [
  'Microsoft.AspNetCore.dll',
  'Microsoft.Extensions.Hosting.Abstractions.dll',
  'Microsoft.AspNetCore.Http.Abstractions.dll',
  'Microsoft.AspNetCore.Routing.dll',
  'System.ComponentModel.dll',
  'Microsoft.Extensions.Features.dll',
  'Microsoft.Extensions.DependencyInjection.Abstractions.dll',
  'Microsoft.Extensions.Logging.Abstractions.dll',
  'Microsoft.Extensions.Diagnostics.Abstractions.dll',
  'Microsoft.Extensions.Configuration.Abstractions.dll',
  'Microsoft.Extensions.Configuration.dll',
  'Microsoft.Extensions.Primitives.dll',
  'Microsoft.Extensions.Hosting.dll',
  'Microsoft.AspNetCore.Hosting.dll',
  'Microsoft.AspNetCore.Hosting.Abstractions.dll',
  'System.Collections.dll',
  'Microsoft.Extensions.Configuration.EnvironmentVariables.dll',
  'Microsoft.Extensions.FileProviders.Abstractions.dll',
  'Microsoft.Extensions.FileProviders.Physical.dll',
  'Microsoft.Extensions.Configuration.FileExtensions.dll',
  'Microsoft.Extensions.Options.dll',
  'Microsoft.Extensions.Logging.dll',
  'Microsoft.Extensions.Diagnostics.dll',
  'System.Diagnostics.DiagnosticSource.dll',
  'Microsoft.Extensions.Configuration.Json.dll',
  'System.Memory.dll',
  'System.Linq.dll',
  'System.IO.FileSystem.Watcher.dll',
  'System.ComponentModel.Primitives.dll',
  'System.Collections.Concurrent.dll',
  'System.Threading.Thread.dll',
  'Microsoft.Extensions.Logging.Configuration.dll',
  'Microsoft.Extensions.Options.ConfigurationExtensions.dll',
  'Microsoft.Extensions.Logging.Console.dll',
  'System.Text.Json.dll',
  'Microsoft.Extensions.DependencyInjection.dll',
  'Microsoft.AspNetCore.Server.Kestrel.Core.dll',
  'Microsoft.AspNetCore.Server.Kestrel.dll',
  'Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets.dll',
  'Microsoft.AspNetCore.Http.dll',
  'Microsoft.AspNetCore.Connections.Abstractions.dll',
  'System.Net.Primitives.dll',
  'Microsoft.AspNetCore.Hosting.Server.Abstractions.dll',
  'Microsoft.AspNetCore.HostFiltering.dll',
  'Microsoft.AspNetCore.HttpOverrides.dll',
  'Microsoft.AspNetCore.Routing.Abstractions.dll',
  'Microsoft.Extensions.ObjectPool.dll',
  'System.ObjectModel.dll',
  'System.Diagnostics.Tracing.dll',
  'System.Threading.ThreadPool.dll',
  'System.Net.Sockets.dll',
  'System.IO.Pipelines.dll',
  'Microsoft.AspNetCore.Http.Extensions.dll',
  'System.Private.Uri.dll',
];

const rankOfName: ReadonlyMap<string, number> = new Map(
  [host, runtime, web].flatMap((names, group) =>
    names.map((name, at): [string, number] => [name, (group + 1) * 1000 + at]),
  ),
);

/** The app's own place among the names: its assembly is opened before the frameworks' are. */
const ranks = {
  program: 1000.5,
  runtimeconfig: 1003.5,
  deps: 1999,
  entry: 2002.5,
  app: 2999,
  framework: 4000,
  rest: 5000,
} as const;
