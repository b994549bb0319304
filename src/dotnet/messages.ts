import { ConvertError } from '../error.ts';
import type { DotnetApp, FrameworkReference } from './app.ts';
import type { RuntimeCandidate, RuntimeOrigin } from './choose.ts';
import { baseFramework, type DotnetFolder } from './installed.ts';
import type { Resolution } from './resolve.ts';
import { requestedVersion } from './version.ts';

interface Tried {
  readonly candidate: RuntimeCandidate;
  readonly resolution: Resolution;
}

const places: Readonly<Record<RuntimeOrigin, string>> = {
  image: 'in the image',
  host: 'on this host',
  folder: 'in the given folder',
  reference: 'in the image given with --runtime',
  kept: 'kept in the store',
};

/** Why no candidate serves `app`, with what hostfxr itself would say: name, version, what lies where. */
export function runtimeMissing(app: DotnetApp, tried: readonly Tried[]): ConvertError {
  const subject = `finding a .NET runtime for ${app.assembly ?? app.executable}`;
  const first = tried[0]?.resolution;
  if (first === undefined || first.kind === 'resolved') {
    const wanted = app.frameworks.map(({ name, version }) => `${name} ${version}`).join(' and ');
    return new ConvertError(
      'RUNTIME_NOT_FOUND',
      `${subject}: found no .NET at all where it was looked for, wanted ${wanted} for linux-${app.architecture}`,
      { hint: installHint(app, app.frameworks[0]) },
    );
  }
  if (first.kind === 'invalid') {
    return first.error;
  }
  if (first.kind === 'conflict') {
    const { lower, higher, name } = first;
    return new ConvertError(
      'FRAMEWORK_CONFLICT',
      `${subject}: the framework ${name}, version ${lower.version} (roll forward ${lower.rollForward}), ` +
        `cannot roll forward to version ${higher}, which is asked for too`,
      {
        hint: 'publish again so that all frameworks have the same version, or add --env DOTNET_ROLL_FORWARD=Major',
      },
    );
  }
  const { name, version } = first;
  const asked = app.frameworks.find((framework) => framework.name === name);
  const found = tried.flatMap(({ candidate }) => versionsIn(candidate.folder, name));
  return new ConvertError(
    'FRAMEWORK_NOT_FOUND',
    `${subject}: the framework ${name}, version ${version} (${app.architecture}, ${howAsked(asked, version)}) was not found; ` +
      tried.map(({ candidate }) => whatLies(candidate, name)).join('; '),
    { hint: [...rollHint(version, found), installHint(app, asked, name, version)].join(', or ') },
  );
}

/** A framework may ask for more of another one than the app does. */
function howAsked(asked: FrameworkReference | undefined, version: string): string {
  if (asked === undefined) {
    return 'needed by another framework';
  }
  const how = `roll forward ${asked.rollForward}`;
  return asked.version === version
    ? how
    : `${how}; the app itself asks for version ${asked.version}`;
}

function versionsIn(folder: DotnetFolder, name: string): readonly string[] {
  return folder.frameworks
    .filter((framework) => framework.name === name)
    .map(({ version }) => version.text);
}

function whatLies({ from, name: kept, folder }: RuntimeCandidate, name: string): string {
  const where = `${kept ?? folder.path} ${places[from]}`;
  const versions = versionsIn(folder, name);
  const has = versions.length === 0 ? `${where} has none` : `${where} has ${versions.join(', ')}`;
  return [has, ...folder.problems.slice(0, 3)].join(', but ');
}

/** Where only a higher major version lies, an app that was tried with it may be let run on it. */
function rollHint(wanted: string, found: readonly string[]): readonly string[] {
  const { major } = requestedVersion(wanted);
  return major >= 0 && found.some((version) => requestedVersion(version).major > major)
    ? ['let the app run on a newer version with --env DOTNET_ROLL_FORWARD=Major']
    : [];
}

/** Leads to the download of what an app needs (dotnet/runtime, apphost). */
const launchPage = 'https://aka.ms/dotnet-core-applaunch';

function installHint(
  app: DotnetApp,
  asked: FrameworkReference | undefined,
  name = asked?.name ?? baseFramework,
  version = asked?.version ?? '',
): string {
  const image = imageWith(app, name, version, asked);
  if (image === undefined) {
    return `give a runtime that has ${name} ${version} with --runtime PATH or --runtime REF`;
  }
  const query = new URLSearchParams({
    framework: name,
    framework_version: version,
    arch: app.architecture,
    rid: `linux-${app.architecture}`,
  });
  // A runtime of this host would be for its own processor.
  return app.architecture === 'x64'
    ? `add --runtime ${image}, give a folder with --runtime PATH, or install it on this host: ${launchPage}?${query}`
    : `add --runtime ${image}, or unpack one for linux-${app.architecture} and give its folder with --runtime PATH: ${launchPage}?${query}`;
}

/** The image of Microsoft that has the framework, and ASP.NET Core where the app wants that too. */
function imageWith(
  app: DotnetApp,
  name: string,
  text: string,
  asked: FrameworkReference | undefined,
): string | undefined {
  const version = requestedVersion(text);
  const known = [baseFramework, 'Microsoft.AspNetCore.App'];
  if (version.major < 0 || !known.includes(name)) {
    return undefined;
  }
  const isAspNet = [name, ...app.frameworks.map((framework) => framework.name)].includes(
    'Microsoft.AspNetCore.App',
  );
  const { major, minor, patch } = version;
  const tag = asked?.rollForward === 'Disable' ? `${major}.${minor}.${patch}` : `${major}.${minor}`;
  return `mcr.microsoft.com/dotnet/${isAspNet ? 'aspnet' : 'runtime'}:${tag}`;
}
