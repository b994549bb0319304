import type { FrameworkReference } from './app.ts';
import { compareVersions, type FrameworkVersion, isRelease } from './version.ts';

/** A reference in the terms of the host's search (dotnet/runtime, fx_reference.h). */
export interface EffectiveReference {
  readonly name: string;
  readonly version: FrameworkVersion;
  /** What may differ: 0 nothing, 1 the patch, 2 also the minor, 3 also the major number. */
  readonly range: number;
  /** Take the highest version in range, not the lowest. */
  readonly toHighest: boolean;
  readonly applyPatches: boolean;
  readonly preferRelease: boolean;
  /** The reference as it was written, for messages. */
  readonly reference: FrameworkReference;
}

/** True when `reference` may be served by `version`, which is not lower. */
export function compatible(reference: EffectiveReference, version: FrameworkVersion): boolean {
  const { range, applyPatches } = reference;
  const { major, minor, patch } = reference.version;
  return (
    compareVersions(reference.version, version) === 0 ||
    (range > 0 &&
      (range === 3 || major === version.major) &&
      (range >= 2 || minor === version.minor) &&
      (range >= 2 || applyPatches || patch === version.patch))
  );
}

/** The version that serves `reference`, or undefined (dotnet/runtime, fx_resolver.cpp). */
export function bestVersion(
  reference: EffectiveReference,
  versions: readonly FrameworkVersion[],
): FrameworkVersion | undefined {
  const { range, applyPatches, version } = reference;
  if (range === 0 || (range === 1 && !applyPatches && isRelease(version))) {
    return versions.find(({ text }) => text === version.text);
  }
  const releases = reference.preferRelease
    ? bestAmong(reference, versions.filter(isRelease))
    : undefined;
  return releases ?? bestAmong(reference, versions);
}

function bestAmong(
  reference: EffectiveReference,
  versions: readonly FrameworkVersion[],
): FrameworkVersion | undefined {
  const candidates = versions
    .filter((version) => compareVersions(version, reference.version) >= 0)
    .filter((version) => compatible(reference, version))
    .sort(compareVersions);
  const toHighest = reference.toHighest && reference.range !== 1;
  const match = toHighest ? candidates.at(-1) : candidates[0];
  if (match === undefined || !isRelease(match)) {
    return match;
  }
  return versions
    .filter(({ major, minor }) => major === match.major && minor === match.minor)
    .filter(({ patch }) => reference.applyPatches || patch === match.patch)
    .reduce((best, version) => (compareVersions(version, best) > 0 ? version : best), match);
}
