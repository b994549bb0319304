import type { Checksum, Component } from './component.ts';
import { Damaged } from './damaged.ts';
import { type Distribution, distroOf, namespaceOf } from './os-release.ts';
import { formatPurl } from './purl.ts';

/** A package of a distribution, as its database has it. What is empty is not said. */
export interface DistributionPackage {
  readonly kind: 'deb' | 'apk' | 'rpm';
  readonly name: string;
  readonly version: string;
  readonly architecture: string | undefined;
  readonly epoch?: string | undefined;
  readonly license?: string | undefined;
  readonly supplier?: string | undefined;
  readonly source?: string | undefined;
  readonly checksum?: Checksum | undefined;
}

/** Names, versions and the like are some dozen characters long. */
const textCap = 1000;

/** @throws Damaged for texts above 1000 characters. */
export function componentOfPackage(
  { kind, name, version, architecture, epoch, checksum, ...told }: DistributionPackage,
  distribution: Distribution | undefined,
  path: string,
): Component {
  const { license, supplier, source } = told;
  for (const text of [name, version, architecture, epoch, license, supplier, source]) {
    if (text !== undefined && text.length > textCap) {
      throw new Damaged(`a package with a text of ${text.length} characters, above ${textCap}`);
    }
  }
  const purl = formatPurl({
    type: kind,
    namespace: namespaceOf(distribution),
    name,
    version,
    qualifiers: { arch: architecture, epoch, distro: distroOf(distribution) },
  });
  return {
    ref: purl,
    kind,
    name,
    version,
    purl,
    ...(license && { license }),
    ...(supplier && { supplier }),
    ...(source && { source }),
    ...(checksum && { checksum }),
    foundIn: [path],
    dependsOn: [],
  };
}
