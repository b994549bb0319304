import { ConvertError } from '../error.ts';
import type { Tree } from '../tree/tree.ts';
import { candidateApps, entryPointHint, namedCandidates } from './candidates.ts';
import type { Command } from './command.ts';
import { type Files, isFile } from './files.ts';
import { compareVersions, parseVersion } from './version.ts';

/** Commands of `dotnet` that only an SDK has: they build, or start other programs. */
const sdkCommands = new Set(
  (
    'add build build-server clean ef format fsi help list msbuild new nuget pack package project publish ' +
    'reference remove restore run sln solution store test tool user-jwts user-secrets vstest watch workload'
  ).split(' '),
);

/** The error for `dotnet run` and its like; undefined for other words. */
export function sdkCommandRefusal(
  tree: Tree,
  { shown }: Command,
  word: string,
): ConvertError | undefined {
  if (!sdkCommands.has(word)) return undefined;
  const hint =
    candidateApps(tree).length > 0
      ? entryPointHint(tree)
      : 'publish when the image is built: RUN dotnet publish -c Release -o /app, then ENTRYPOINT ["dotnet","/app/NAME.dll"]';
  return new ConvertError(
    'APP_NOT_FOUND',
    `finding the app: the image's command ${shown} is \`dotnet ${word}\`, a command of the .NET SDK, which starts compilers and other programs, and OSv runs one; wanted a published app; ${namedCandidates(tree)}`,
    { hint },
  );
}

/** What is said of an image whose base is that of the SDK. */
export function sdkEvidence(files: Files, dotnetFolder: string): readonly string[] {
  const newest = files
    .list(`${dotnetFolder}/sdk`)
    .map(parseVersion)
    .filter((version) => version !== undefined)
    .filter(({ text }) => isFile(files, `${dotnetFolder}/sdk/${text}/dotnet.dll`))
    .sort(compareVersions)
    .at(-1);
  return newest === undefined
    ? []
    : [
        `${dotnetFolder}/sdk holds the .NET SDK ${newest.text}, which no published app needs: base the image on mcr.microsoft.com/dotnet/runtime or aspnet`,
      ];
}
