import { ConvertError } from '../error.ts';
import type { DotnetApp } from './app.ts';
import type { RuntimeCandidate, RuntimeOrigin } from './choose.ts';
import type { DotnetFolder } from './installed.ts';
import type { Resolution } from './resolve.ts';

interface Tried {
  readonly candidate: RuntimeCandidate;
  readonly resolution: Resolution;
}

const places: Readonly<Record<RuntimeOrigin, string>> = {
  image: 'in the image',
  host: 'on this host',
  folder: 'in the given folder',
  reference: 'in the image given with --runtime',
};

/** Why no candidate serves `app`, with what hostfxr itself would say: name, version, what lies where. */
export function runtimeMissing(app: DotnetApp, tried: readonly Tried[]): ConvertError {
  const subject = `finding a .NET runtime for ${app.assembly ?? app.executable}`;
  const first = tried[0]?.resolution;
  if (first === undefined || first.kind === 'resolved') {
    const wanted = app.frameworks.map(({ name, version }) => `${name} ${version}`).join(' and ');
    const reference = app.frameworks[0];
    return new ConvertError(
      'RUNTIME_NOT_FOUND',
      `${subject}: found no .NET at all where it was looked for, wanted ${wanted} for linux-x64`,
      { hint: installHint(reference?.name ?? '', reference?.version ?? '') },
    );
  }
  if (first.kind === 'conflict') {
    const { lower, higher, name } = first;
    return new ConvertError(
      'FRAMEWORK_CONFLICT',
      `${subject}: the framework ${name}, version ${lower.version} (roll forward ${lower.rollForward}), ` +
        `cannot roll forward to version ${higher}, which is asked for too`,
      {
        hint: 'publish again so that all frameworks have the same version, or set DOTNET_ROLL_FORWARD=Major in the image',
      },
    );
  }
  const asked = app.frameworks.find(({ name }) => name === first.name);
  const how = asked === undefined ? '' : `, roll forward ${asked.rollForward}`;
  return new ConvertError(
    'FRAMEWORK_NOT_FOUND',
    `${subject}: the framework ${first.name}, version ${first.version} (x64${how}) was not found; ` +
      tried.map(({ candidate }) => whatLies(candidate, first.name)).join('; '),
    { hint: installHint(first.name, first.version) },
  );
}

function whatLies({ from, folder }: RuntimeCandidate, name: string): string {
  const where = `${folder.path} ${places[from]}`;
  const versions = folder.frameworks
    .filter((framework) => framework.name === name)
    .map(({ version }) => version.text);
  const has = versions.length === 0 ? `${where} has none` : `${where} has ${versions.join(', ')}`;
  return [has, ...problemsOf(folder)].join(', but ');
}

function problemsOf({ problems }: DotnetFolder): readonly string[] {
  return problems.slice(0, 3);
}

function installHint(name: string, version: string): string {
  const query = new URLSearchParams({
    framework: name,
    framework_version: version,
    arch: 'x64',
    rid: 'linux-x64',
  });
  return (
    'give a runtime with --runtime PATH or --runtime REF, or install it on this host: ' +
    `https://aka.ms/dotnet-core-applaunch?${query}`
  );
}
