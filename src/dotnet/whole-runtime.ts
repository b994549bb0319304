import { ConvertError } from '../error.ts';
import type { ChosenRuntime, RuntimeCandidate } from './choose.ts';
import { type Files, isFile } from './files.ts';
import { baseFramework } from './installed.ts';
import { defaultDotnetRoot } from './muxer.ts';
import type { FrameworkVersion } from './version.ts';

const licenses = ['LICENSE.txt', 'ThirdPartyNotices.txt'];

/**
 * All of a .NET folder that apps can use: `dotnet`, the `host/fxr` it loads, every framework that is
 * complete (`libcoreclr.so`, `libhostpolicy.so`, deps.json) and for glibc, and the licenses that
 * must go with copies. SDKs and packs stay.
 * @param candidates the first that has the base framework is taken.
 * @param where for messages.
 * @throws ConvertError `RUNTIME_NOT_FOUND`, saying what is wrong with what lies there.
 */
export function wholeRuntime(
  candidates: readonly RuntimeCandidate[],
  where: string,
): ChosenRuntime {
  const usable = candidates.find(({ folder }) =>
    folder.frameworks.some(({ name }) => name === baseFramework),
  );
  if (usable === undefined) throw unusable(candidates, where);
  const { from, files, folder } = usable;
  const { path, hostfxr } = folder;
  const frameworks = folder.frameworks.map(({ name, version }) => ({
    name,
    version: version.text,
  }));
  return {
    from,
    path,
    files,
    root: defaultDotnetRoot,
    hostfxr: hostfxr.text,
    frameworks,
    parts: [
      'dotnet',
      `host/fxr/${hostfxr.text}`,
      ...frameworks.map(({ name, version }) => `shared/${name}/${version}`),
      ...licenses.filter((name) => isFile(files, `${path}/${name}`)),
    ],
  };
}

/** `aspnetcore-10.0.1` or `dotnet-10.0.1-arm64`, as Microsoft's archives are called, by the newest version. */
export function usualName({
  frameworks,
  files: { architecture },
}: Pick<ChosenRuntime, 'frameworks'> & { readonly files: Pick<Files, 'architecture'> }): string {
  const aspnet = frameworks.findLast(({ name }) => name === 'Microsoft.AspNetCore.App');
  const base = frameworks.findLast(({ name }) => name === baseFramework);
  const word = aspnet === undefined ? 'dotnet' : 'aspnetcore';
  const version: FrameworkVersion['text'] = (aspnet ?? base)?.version ?? '';
  const suffix = architecture === 'x64' ? '' : `-${architecture}`;
  return `${word}-${version}${suffix}`
    .toLowerCase()
    .replace(/[^a-z0-9]*[^a-z0-9._-][^a-z0-9]*/g, '-');
}

function unusable(candidates: readonly RuntimeCandidate[], where: string): ConvertError {
  const problems = candidates.flatMap(({ folder }) =>
    folder.problems.length > 0 ? folder.problems : [`${folder.path} has no ${baseFramework}`],
  );
  const found = problems.length === 0 ? 'no .NET there' : problems.slice(0, 3).join('; ');
  return new ConvertError(
    'RUNTIME_NOT_FOUND',
    `reading the runtime ${where}: found ${found}; wanted dotnet, host/fxr and shared/${baseFramework} for linux-x64 or linux-arm64 and glibc`,
    {
      hint: 'take one from https://dotnet.microsoft.com/download/dotnet: ASP.NET Core Runtime, Linux, x64 or Arm64',
    },
  );
}
