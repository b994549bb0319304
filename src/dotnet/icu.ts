import type { DotnetApp } from './app.ts';
import { type FoundLibrary, findLibrary, type LibraryPlace } from './closure.ts';
import { libraryFoldersOf } from './sonames.ts';

/** Whether the app asks for no cultures, by its settings or its environment. */
export function isInvariant({
  invariantGlobalization,
  env,
}: Pick<DotnetApp, 'invariantGlobalization' | 'env'>): boolean {
  const setting = env.get('DOTNET_SYSTEM_GLOBALIZATION_INVARIANT') ?? '';
  return invariantGlobalization || /^(?:1|true)$/i.test(setting);
}

/** The newest libicu of the first place that has one: its three libraries, which go together (DOTNET.md 4.2). */
export function findIcu(places: readonly LibraryPlace[]): readonly FoundLibrary[] {
  for (const place of places) {
    for (const version of versionsIn(place)) {
      const found = ['libicuuc', 'libicui18n', 'libicudata'].map((name) =>
        findLibrary([place], `${name}.so.${version}`),
      );
      if (found.every((library) => library !== undefined)) return found;
    }
  }
  return [];
}

/** .NET looks for no older ones than 50 (pal_icushim.c). */
function versionsIn({ files }: LibraryPlace): readonly number[] {
  const names = libraryFoldersOf(files.architecture).flatMap((folder) => files.list(folder));
  const versions = names.flatMap((name) => /^libicuuc\.so\.([0-9]{2,3})$/.exec(name)?.[1] ?? []);
  return [...new Set(versions.map(Number))]
    .filter((version) => version >= 50)
    .sort((a, b) => b - a);
}
