import type { AppTraits } from './app.ts';
import type { AppParts } from './parts.ts';
import type { RuntimeConfig } from './runtimeconfig.ts';

interface Model {
  readonly is: AppTraits['model'];
  /** A sentence; absent where nothing speaks for more than a console app. */
  readonly because?: string;
}

const serverParts = [
  'Microsoft.AspNetCore.Server.Kestrel.Core.dll',
  'Microsoft.AspNetCore.Hosting.dll',
];

/** Nothing starts a server of ASP.NET Core but by one of these: `WebApplication` is in the first. */
const startsServer = /^Microsoft\.AspNetCore(?:\.Hosting|\.Server\..*)?$/;

/** Assemblies of .NET itself refer to each other, whatever the app does. */
const ofDotnet = /^(?:Microsoft\.(?:AspNetCore|Extensions|NETCore)|System)\b/;

const host = 'Microsoft.Extensions.Hosting';

/**
 * What kind of program an app is. To have ASP.NET Core is not to be a server: a worker may refer to its
 * framework for a library's sake. Where the entry assembly cannot be read it counts as one.
 */
export function modelOf(parts: AppParts, config: RuntimeConfig | undefined): Model {
  const { names, place, entry } = parts;
  const server = serverIn(parts, config);
  const because = server === undefined ? undefined : serverOf(parts, server);
  if (because !== undefined) return { is: 'aspnet', because };
  const file = `${host}.dll`;
  const found = names.has(file)
    ? `${file} is in ${place}`
    : entry?.assembly.references.includes(host)
      ? `${entry.file} refers to ${host}`
      : undefined;
  if (found === undefined) return { is: 'console' };
  return {
    is: 'worker',
    because: `${found}, and ${server === undefined ? 'nothing of' : 'nothing starts a server of'} ASP.NET Core: a worker`,
  };
}

/** Where the app has ASP.NET Core from. */
function serverIn(
  { names, place }: AppParts,
  config: RuntimeConfig | undefined,
): string | undefined {
  const all = [...(config?.frameworks ?? []), ...(config?.includedFrameworks ?? [])];
  const framework = all.find(({ name }) => name.startsWith('Microsoft.AspNetCore.'));
  if (framework !== undefined) return `its runtimeconfig.json names ${framework.name}`;
  const part = serverParts.find((name) => names.has(name));
  return part && `${part} is in ${place}`;
}

/** That an app with ASP.NET Core is a server of it. */
function serverOf({ entry, others }: AppParts, server: string): string | undefined {
  const starts = (references: readonly string[]): boolean =>
    references.some((name) => startsServer.test(name));
  if (entry === undefined || starts(entry.assembly.references)) return `${server}: ASP.NET Core`;
  for (const { name, references } of others()) {
    if (!ofDotnet.test(name) && starts(references())) {
      return `${server}, and ${name} starts its server: ASP.NET Core`;
    }
  }
  return undefined;
}
