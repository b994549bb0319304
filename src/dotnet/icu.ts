import type { DotnetApp } from './app.ts';
import { type FoundLibrary, findLibrary, type LibraryPlace } from './closure.ts';
import { majorOf } from './major.ts';
import { libraryFoldersOf } from './sonames.ts';

type App = Pick<DotnetApp, 'kind' | 'invariantGlobalization' | 'env' | 'version' | 'properties'>;

/**
 * Whether the app asks for no cultures. Of its runtimeconfig.json and its environment .NET 9 and later heed
 * the environment first, older ones the config, as was seen of 8, 9 and 10. Native AOT that left cultures out
 * has none.
 */
export function isInvariant(app: App): boolean {
  const { kind, invariantGlobalization, properties } = app;
  if (kind === 'native-aot' && invariantGlobalization) return true;
  const configured =
    invariantGlobalization || booleanOf(properties?.get('System.Globalization.Invariant'));
  const variable = app.env.get('DOTNET_SYSTEM_GLOBALIZATION_INVARIANT');
  return (majorOf(app) ?? 9) >= 9
    ? (switchOf(variable) ?? configured ?? false)
    : (configured ?? switchOf(variable) ?? false);
}

/** As `AppContext` reads a switch. */
function booleanOf(value: string | undefined): boolean | undefined {
  const text = value?.trim().toLowerCase();
  return text === 'true' ? true : text === 'false' ? false : undefined;
}

/** As .NET reads a variable that stands for a switch. */
function switchOf(value: string | undefined): boolean | undefined {
  if (value !== undefined && /^(?:1|true)$/i.test(value)) return true;
  return value !== undefined && /^(?:0|false)$/i.test(value) ? false : undefined;
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
