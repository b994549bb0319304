import type { Descriptor, Store } from '../../store/index.ts';
import { architectureOfPlatform } from '../dotnet/architecture.ts';
import { keptDescriptor, keptRuntimeOfRef } from '../dotnet/kept-refs.ts';
import { fullNameOf, nameOfFile } from '../oci/location.ts';
import { formatPlatform, type Platform } from '../oci/platform.ts';
import type { NamedImage } from '../source/layout/images.ts';

/** A manifest whose parts are all in the store. */
export interface LoadedManifest {
  readonly descriptor: Descriptor;
  readonly platform: Platform;
  /** A kept runtime has one name, which is no reference. */
  readonly isRuntime: boolean;
}

/**
 * The names an image of the file `path` gets in the store: full names where it has any; a mere tag says
 * only which image of the file it is. At least one.
 * @param list all images of the file.
 */
export function namesOf(
  { names, descriptor }: NamedImage,
  list: readonly NamedImage[],
  path: string,
): readonly string[] {
  const full = names.flatMap((name) => fullNameOf(name) ?? []);
  if (full.length > 0) return [...new Set(full)];
  if (names.length > 0) return names.map((name) => nameOfFile(path, name));
  const isOnly = list.filter((image) => image.names.length === 0).length === 1;
  return [nameOfFile(path, undefined, isOnly ? undefined : descriptor.digest)];
}

/**
 * Names a manifest, each name beside what it has for other platforms.
 * @param told the names in the file: `runtime/NAME` of a kept runtime is none of `names`.
 * @returns the names it has now.
 * @throws StoreError.
 */
export async function nameManifest(
  store: Store,
  { descriptor, platform, isRuntime }: LoadedManifest,
  names: readonly string[],
  [told = '']: readonly string[],
): Promise<readonly string[]> {
  const runtime = isRuntime ? keptRuntimeOfRef(told) : undefined;
  if (runtime !== undefined) {
    const architecture = architectureOfPlatform(formatPlatform(platform));
    await store.refs.set(runtime, keptDescriptor(descriptor, architecture));
    return [runtime];
  }
  for (const name of names) await store.refs.set(name, { ...descriptor, platform });
  return names;
}
