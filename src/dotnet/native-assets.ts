import { baseName } from './command.ts';
import { hostObjectOf, type JsonObject, objectOf } from './json.ts';

/** A native library of a package, as a deps.json names it (DOTNET.md 2.7). */
export interface NativeAsset {
  /** `NAME/VERSION` of the package. */
  readonly library: string;
  /** Relative to the app's folder: assets for every system lie in it, by their names alone. */
  readonly path: string;
  /** The runtime identifier it is for; undefined for every system the app was published for. */
  readonly rid?: string;
}

/** The native libraries that the target of a deps.json names; none for what is no deps.json, which is for the host to say. */
export function nativeAssetsOf(bytes: Uint8Array): readonly NativeAsset[] {
  const document = hostObjectOf(bytes);
  const named = document?.get('runtimeTarget');
  const name = objectOf(named)?.get('name') ?? named;
  const target = objectOf(objectOf(document?.get('targets'))?.get(String(name)));
  return [...(target ?? [])].flatMap(([library, value]) => assetsOf(library, objectOf(value)));
}

function assetsOf(library: string, value: JsonObject | undefined): readonly NativeAsset[] {
  const plain = [...(objectOf(value?.get('native'))?.keys() ?? [])];
  const byRid = [...(objectOf(value?.get('runtimeTargets')) ?? [])];
  return [
    ...plain.map((path) => ({ library, path: baseName(path) })),
    ...byRid.flatMap(([path, asset]): NativeAsset[] => {
      const rid = objectOf(asset)?.get('rid');
      const isNative = objectOf(asset)?.get('assetType') === 'native';
      return isNative && typeof rid === 'string' ? [{ library, path, rid }] : [];
    }),
  ];
}
