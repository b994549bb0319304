import { baseName } from '../dotnet/command.ts';
import { hostObjectOf, objectOf } from '../dotnet/json.ts';

/** Who wrote an assembly: the app's makers, others, or those of .NET, as a part of the runtime. */
export type Origin = 'app' | 'library' | 'runtime';

/** Types of libraries in a deps.json; `reference` is an assembly that was given as a file. */
const originOfType = new Map<unknown, Origin>([
  ['project', 'app'],
  ['package', 'library'],
  ['reference', 'library'],
  ['runtimepack', 'runtime'],
]);

/**
 * Tells of the name of a file where it is from, by the app's deps.json. What that does not name, or where
 * there is none, is judged by the name: `System.` and `Microsoft.` are not the app's own, and `entry` is.
 */
export function originsIn(
  depsJson: Uint8Array | undefined,
  entry: string,
): (name: string) => Origin {
  const known = depsJson === undefined ? new Map<string, Origin>() : readOrigins(depsJson);
  return (name) => {
    if (name === entry) return 'app';
    const isForeign = /^(?:System|Microsoft)\./.test(name);
    return known.get(name) ?? (isForeign ? 'library' : 'app');
  };
}

function readOrigins(depsJson: Uint8Array): Map<string, Origin> {
  const origins = new Map<string, Origin>();
  const document = hostObjectOf(depsJson);
  const libraries = objectOf(document?.get('libraries'));
  for (const target of objectOf(document?.get('targets'))?.values() ?? []) {
    for (const [library, assets] of objectOf(target) ?? []) {
      const origin = originOfType.get(objectOf(libraries?.get(library))?.get('type'));
      if (origin === undefined) continue;
      for (const path of objectOf(objectOf(assets)?.get('runtime'))?.keys() ?? []) {
        origins.set(baseName(path), origin);
      }
    }
  }
  return origins;
}
