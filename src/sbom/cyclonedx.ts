import { hexOf } from '../../store/index.ts';
import type { Component, ComponentKind } from './component.ts';
import { type SbomParts, topRefs, unreadSentences } from './document.ts';
import { readLicense } from './license.ts';
import type { Distribution } from './os-release.ts';
import { uuidOfUrl } from './uuid.ts';

const types: Readonly<Record<ComponentKind, string>> = {
  application: 'application',
  framework: 'framework',
  nuget: 'library',
  assembly: 'library',
  deb: 'library',
  apk: 'library',
  rpm: 'library',
};

/**
 * An SBOM as CycloneDX 1.6 (ECMA-424): the image as `metadata.component`, every component with the files
 * that tell of it, and on what the libraries of .NET depend. Its shape is
 * `schemas/sbom-cyclonedx.schema.json`.
 */
export function cyclonedxOf({ subject, tool, inventory }: SbomParts): object {
  const { name, digest, purl, timestamp } = subject;
  const { components, distribution } = inventory;
  const sentences = unreadSentences(inventory);
  const system = distribution && systemOf(distribution);
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOfUrl(`${purl}#cyclonedx-${tool.name}-${tool.version}`)}`,
    version: 1,
    metadata: {
      timestamp,
      tools: { components: [{ type: 'application', ...tool }] },
      component: {
        type: 'container',
        'bom-ref': purl,
        name,
        version: digest,
        hashes: [{ alg: 'SHA-256', content: hexOf(digest) }],
        purl,
      },
      ...(sentences.length > 0 && {
        properties: sentences.map((value) => ({ name: 'osv-convert:unread', value })),
      }),
    },
    components: [...(system ? [system] : []), ...components.map(componentOf)],
    dependencies: [
      { ref: purl, dependsOn: [...(system ? [system['bom-ref']] : []), ...topRefs(inventory)] },
      ...components.filter(tellsDependencies).map(({ ref, dependsOn }) => ({ ref, dependsOn })),
    ],
    ...(sentences.length > 0 && {
      compositions: [{ aggregate: 'incomplete', assemblies: [purl] }],
    }),
  };
}

/** Of packages of a distribution nothing is told, which is not the same as none. */
function tellsDependencies({ kind }: Component): boolean {
  return kind !== 'deb' && kind !== 'apk' && kind !== 'rpm';
}

function systemOf({ id, version, name, path }: Distribution) {
  return {
    type: 'operating-system',
    'bom-ref': `os:${id}@${version}`,
    name: id,
    ...(version !== '' && { version }),
    description: name,
    evidence: { occurrences: [{ location: path }] },
  };
}

function componentOf(component: Component): object {
  const { ref, kind, name, version, purl, license, supplier, source, checksum } = component;
  return {
    type: types[kind],
    'bom-ref': ref,
    ...(supplier !== undefined && { supplier: { name: supplier } }),
    name,
    version,
    ...(component.empty && { scope: 'excluded' }),
    ...(checksum && { hashes: [{ alg: checksum.algorithm, content: checksum.value }] }),
    ...(license !== undefined && { licenses: [licenseOf(license)] }),
    ...(purl !== undefined && { purl }),
    ...(source !== undefined && { properties: [{ name: 'osv-convert:source', value: source }] }),
    evidence: { occurrences: component.foundIn.map((location) => ({ location })) },
  };
}

function licenseOf(given: string): object {
  const { kind, text } = readLicense(given);
  switch (kind) {
    case 'id':
      return { license: { id: text } };
    case 'expression':
      return { expression: text };
    case 'name':
      return { license: { name: text } };
  }
}
