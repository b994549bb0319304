/** A framework's version as its folder is named: SemVer 2.0, read as the .NET host reads it (fx_ver.c). */
export interface FrameworkVersion {
  /** As written, with any `+build`: the name of the folder. */
  readonly text: string;
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** Identifiers behind the `-`; empty for a release. */
  readonly prerelease: readonly string[];
}

const number = '(0|[1-9][0-9]{0,9})';
const identifiers = '[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*';
const shape = new RegExp(
  `^${number}\\.${number}\\.${number}(?:-(${identifiers}))?(?:\\+${identifiers})?$`,
);
const lengthCap = 255;
/** The host keeps numbers in 32 bits with a sign, and takes none above. */
const numberCap = 0x7fffffff;

/** @returns undefined for anything the host would not take as a version. */
export function parseVersion(text: string): FrameworkVersion | undefined {
  const match = text.length <= lengthCap ? shape.exec(text) : null;
  const prerelease = match?.[4]?.split('.') ?? [];
  const [major = 0, minor = 0, patch = 0] = match?.slice(1, 4).map(Number) ?? [];
  return match === null ||
    Math.max(major, minor, patch) > numberCap ||
    prerelease.some((identifier) => /^0[0-9]+$/.test(identifier))
    ? undefined
    : { text, major, minor, patch, prerelease };
}

/** A version that is asked for. What is none is lower than all that are, to the host, and a release. */
export function requestedVersion(text: string): FrameworkVersion {
  return parseVersion(text) ?? { text, major: -1, minor: -1, patch: -1, prerelease: [] };
}

export function isRelease(version: FrameworkVersion): boolean {
  return version.prerelease.length === 0;
}

/** SemVer precedence: negative when `a` comes first. Build metadata does not count. */
export function compareVersions(a: FrameworkVersion, b: FrameworkVersion): number {
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch || comparePrereleases(a, b);
}

function comparePrereleases(a: FrameworkVersion, b: FrameworkVersion): number {
  if (isRelease(a) || isRelease(b)) {
    return Number(isRelease(a)) - Number(isRelease(b));
  }
  for (const [index, left] of a.prerelease.entries()) {
    const right = b.prerelease[index];
    const order = right === undefined ? 1 : compareIdentifiers(left, right);
    if (order !== 0) {
      return order;
    }
  }
  return a.prerelease.length - b.prerelease.length;
}

function compareIdentifiers(a: string, b: string): number {
  const numeric = [a, b].map((identifier) => /^[0-9]+$/.test(identifier));
  if (numeric[0] && numeric[1]) {
    // Without leading zeros a longer number is the greater one, whatever its size.
    return a.length - b.length || (a < b ? -1 : Number(a > b));
  }
  if (numeric[0] !== numeric[1]) {
    return numeric[0] ? -1 : 1;
  }
  return a < b ? -1 : Number(a > b);
}
