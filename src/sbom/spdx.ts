import { createHash } from 'node:crypto';
import { hexOf } from '../../store/index.ts';
import type { Component, ComponentKind } from './component.ts';
import { type SbomParts, unreadSentences } from './document.ts';
import { readLicense } from './license.ts';
import type { Distribution } from './os-release.ts';
import { uuidOfUrl } from './uuid.ts';

const purposes: Readonly<Record<ComponentKind, string>> = {
  application: 'APPLICATION',
  framework: 'FRAMEWORK',
  nuget: 'LIBRARY',
  assembly: 'LIBRARY',
  deb: 'LIBRARY',
  apk: 'LIBRARY',
  rpm: 'LIBRARY',
};

const documentId = 'SPDXRef-DOCUMENT';
const imageId = 'SPDXRef-image';
const systemId = 'SPDXRef-operating-system';

/**
 * An SBOM as SPDX 2.3 (JSON): the document describes the image, the image contains every component, and
 * the libraries of .NET depend on others. Its shape is `schemas/sbom-spdx.schema.json`.
 */
export function spdxOf({ subject, tool, inventory }: SbomParts): object {
  const { name, digest, purl, timestamp } = subject;
  const { components, distribution } = inventory;
  const uuid = uuidOfUrl(`${purl}#spdx-${tool.name}-${tool.version}`);
  const annotator = `Tool: ${tool.name}-${tool.version}`;
  const ids = new Map(components.map((component) => [component.ref, idOf(component)]));
  const texts = new Set(components.flatMap(({ license }) => license ?? []));
  const extracted = [...texts].filter((text) => readLicense(text).kind === 'name').sort();
  const sentences = unreadSentences(inventory);
  const contained = [...(distribution ? [systemId] : []), ...ids.values()];
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: documentId,
    name,
    documentNamespace: `https://spdx.org/spdxdocs/osv-convert-${uuid}`,
    creationInfo: { created: timestamp, creators: [annotator] },
    packages: [
      {
        SPDXID: imageId,
        name,
        versionInfo: digest,
        ...unsaid,
        licenseDeclared: 'NOASSERTION',
        checksums: [{ algorithm: 'SHA256', checksumValue: hexOf(digest) }],
        externalRefs: [purlReference(purl)],
        primaryPackagePurpose: 'CONTAINER',
        ...(sentences.length > 0 && {
          annotations: sentences.map((comment) => ({
            annotationDate: timestamp,
            annotationType: 'OTHER',
            annotator,
            comment,
          })),
        }),
      },
      ...(distribution ? [systemOf(distribution)] : []),
      ...components.map(packageOf),
    ],
    relationships: [
      relationship(documentId, 'DESCRIBES', imageId),
      ...contained.map((id) => relationship(imageId, 'CONTAINS', id)),
      ...components.flatMap((component) =>
        component.dependsOn.flatMap((ref) => {
          const id = ids.get(ref);
          return id === undefined ? [] : [relationship(idOf(component), 'DEPENDS_ON', id)];
        }),
      ),
    ],
    ...(extracted.length > 0 && {
      hasExtractedLicensingInfos: extracted.map((text) => ({
        licenseId: licenseRefOf(text),
        name: text,
        extractedText: text,
      })),
    }),
  };
}

/** What no database of packages says. */
const unsaid = {
  downloadLocation: 'NOASSERTION',
  filesAnalyzed: false,
  licenseConcluded: 'NOASSERTION',
  copyrightText: 'NOASSERTION',
};

function relationship(from: string, relationshipType: string, to: string): object {
  return { spdxElementId: from, relationshipType, relatedSpdxElement: to };
}

/** Letters, digits, dots and dashes; the hash tells two of one name apart. */
function idOf({ kind, ref, name }: Component): string {
  const readable = name.replace(/[^A-Za-z0-9.-]+/g, '-').slice(0, 60);
  return `SPDXRef-${kind}-${readable}-${hashOf(ref)}`;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

function licenseRefOf(text: string): string {
  return `LicenseRef-${hashOf(text)}`;
}

function packageOf(component: Component): object {
  const { kind, name, version, purl, license, checksum, source, foundIn } = component;
  return {
    SPDXID: idOf(component),
    name,
    ...(version !== '' && { versionInfo: version }),
    ...supplierOf(component),
    ...unsaid,
    licenseDeclared: license === undefined ? 'NOASSERTION' : declared(license),
    ...(checksum && {
      checksums: [
        { algorithm: checksum.algorithm.replace('-', ''), checksumValue: checksum.value },
      ],
    }),
    ...(purl !== undefined && { externalRefs: [purlReference(purl)] }),
    primaryPackagePurpose: purposes[kind],
    sourceInfo: `told by ${foundIn.join(', ')}${source === undefined ? '' : `; built from ${source}`}`,
    ...(component.empty && { comment: 'None of its files is in the image.' }),
  };
}

function systemOf({ id, version, name, path }: Distribution): object {
  return {
    SPDXID: systemId,
    name: id,
    ...(version !== '' && { versionInfo: version }),
    ...unsaid,
    licenseDeclared: 'NOASSERTION',
    primaryPackagePurpose: 'OPERATING_SYSTEM',
    summary: name,
    sourceInfo: `told by ${path}`,
  };
}

function declared(given: string): string {
  const { kind, text } = readLicense(given);
  return kind === 'name' ? licenseRefOf(text) : text;
}

/** rpm has vendors, the others a person or team with an address. */
function supplierOf({ kind, supplier }: Component): object {
  if (supplier === undefined) return {};
  const named = supplier.replace(/\s*<([^<>]*)>$/, ' ($1)');
  return { supplier: `${kind === 'rpm' ? 'Organization' : 'Person'}: ${named}` };
}

function purlReference(referenceLocator: string): object {
  return { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator };
}
