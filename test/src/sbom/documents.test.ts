import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import type { Component } from '../../../src/sbom/component.ts';
import { cyclonedxOf } from '../../../src/sbom/cyclonedx.ts';
import { formatDocument, type SbomParts } from '../../../src/sbom/document.ts';
import { readLicense } from '../../../src/sbom/license.ts';
import { formatPurl } from '../../../src/sbom/purl.ts';
import { spdxOf } from '../../../src/sbom/spdx.ts';
import { uuidOfUrl } from '../../../src/sbom/uuid.ts';
import { digestOf } from '../../../store/index.ts';

describe('formatPurl', () => {
  // Canonical forms of package-url/purl-spec, types/*-definition.json.
  it.each([
    [
      { type: 'deb', namespace: 'Debian', name: 'Curl', version: '7.50.3-1' },
      'pkg:deb/debian/curl@7.50.3-1',
    ],
    [
      {
        type: 'deb',
        namespace: 'debian',
        name: 'attr',
        version: '1:2.4.47-2+b1',
        qualifiers: { distro: 'debian-12', arch: 'amd64', epoch: undefined },
      },
      'pkg:deb/debian/attr@1:2.4.47-2%2Bb1?arch=amd64&distro=debian-12',
    ],
    [
      { type: 'rpm', namespace: 'Fedora', name: 'ImageMagick', version: '7~rc1-1.fc40' },
      'pkg:rpm/fedora/ImageMagick@7~rc1-1.fc40',
    ],
    [
      { type: 'nuget', name: 'EnterpriseLibrary.Common', version: '6.0.1304' },
      'pkg:nuget/EnterpriseLibrary.Common@6.0.1304',
    ],
    [
      { type: 'nuget', name: "a b/(c)'*!@?#", version: '' },
      'pkg:nuget/a%20b%2F%28c%29%27%2A%21%40%3F%23',
    ],
    [
      {
        type: 'oci',
        name: 'Web',
        version: 'sha256:aa',
        qualifiers: { tag: '1.0', repository_url: 'localhost:5000/acme/web', arch: '' },
      },
      'pkg:oci/web@sha256:aa?repository_url=localhost:5000%2Facme%2Fweb&tag=1.0',
    ],
    [{ type: 'nuget', name: '\ud800', version: '1' }, 'pkg:nuget/%EF%BF%BD@1'],
  ] as const)('writes %j as %s', (purl, text) => {
    expect(formatPurl(purl)).toBe(text);
  });
});

describe('readLicense', () => {
  it.each(['MIT', 'GPL-2.0-or-later', 'Zlib', 'X11'])('takes %s for a license', (text) => {
    expect(readLicense(text)).toEqual({ kind: 'id', text });
  });

  it.each([
    'MIT OR Apache-2.0',
    '(MIT AND (BSD-3-Clause OR ISC))',
    'GPL-2.0-or-later WITH GCC-exception-2.0 AND LGPL-2.1-or-later',
    'Apache-2.0+ AND MIT',
  ])('takes %s for an expression', (text) => {
    expect(readLicense(text)).toEqual({ kind: 'expression', text });
  });

  it.each([
    '',
    'GPLv2+',
    'MIT BSD',
    'MIT and ISC',
    'MIT AND',
    'AND MIT',
    '(MIT',
    'MIT)',
    '()',
    'MIT WITH MIT',
    '(MIT OR ISC) WITH LLVM-exception',
    'MIT WITH LLVM-exception WITH LLVM-exception',
    `${'('.repeat(5000)}MIT`,
    'Public Domain',
  ])('takes %s for a name', (text) => {
    expect(readLicense(text)).toEqual({ kind: 'name', text });
  });
});

describe('uuidOfUrl', () => {
  it('gives the UUID that uuid5 of Python gives', () => {
    expect(uuidOfUrl('http://www.example.com/widgets')).toBe(
      'ec924888-0115-5834-9f8d-2b80eb768ee8',
    );
  });
});

const digest = digestOf(Buffer.from('manifest'));

const subject: SbomParts['subject'] = {
  name: 'example.com/acme/web:1.0',
  digest,
  purl: formatPurl({ type: 'oci', name: 'web', version: digest }),
  timestamp: '2025-01-31T09:30:00Z',
};

const tool = { name: 'osv-convert', version: '1.2.3' };

const openssl: Component = {
  ref: 'pkg:deb/debian/openssl@3.0',
  kind: 'deb',
  name: 'openssl',
  version: '3.0',
  purl: 'pkg:deb/debian/openssl@3.0',
  license: 'Apache-2.0',
  supplier: 'Debian OpenSSL Team <openssl@example.org>',
  source: 'openssl',
  foundIn: ['/var/lib/dpkg/status'],
  dependsOn: [],
};
const meta: Component = {
  ref: 'pkg:nuget/Meta@1.0.0',
  kind: 'nuget',
  name: 'Meta',
  version: '1.0.0',
  purl: 'pkg:nuget/Meta@1.0.0',
  checksum: { algorithm: 'SHA-512', value: '0'.repeat(128) },
  foundIn: ['/app/web.deps.json'],
  dependsOn: [],
  empty: true,
};
const web: Component = {
  ref: '/app/web.deps.json#web@1.0.0',
  kind: 'application',
  name: 'web',
  version: '1.0.0',
  foundIn: ['/app/web.deps.json'],
  dependsOn: [meta.ref],
};
const bash: Component = {
  ref: 'pkg:rpm/redhat/bash@5.2',
  kind: 'rpm',
  name: 'bash',
  version: '5.2',
  purl: 'pkg:rpm/redhat/bash@5.2',
  license: 'GPLv3+',
  supplier: 'Red Hat, Inc.',
  foundIn: ['/var/lib/rpm/rpmdb.sqlite'],
  dependsOn: [],
};

const parts: SbomParts = {
  subject,
  tool,
  inventory: {
    distribution: { id: 'debian', version: '12', name: 'Debian 12', path: '/etc/os-release' },
    components: [openssl, meta, web, bash],
    unread: [{ path: '/lib/apk/db/installed', reason: 'zero bytes' }],
  },
};

const sentence =
  '/lib/apk/db/installed was not read, and what it tells of is left out: found zero bytes';

describe('cyclonedxOf', () => {
  it('writes what the inventory has', async () => {
    const document = cyclonedxOf(parts);
    expect((await createValidator('sbom-cyclonedx'))(document)).toBeUndefined();
    expect(document).toMatchObject({
      metadata: {
        timestamp: '2025-01-31T09:30:00Z',
        tools: { components: [{ name: 'osv-convert', version: '1.2.3' }] },
        component: { 'bom-ref': subject.purl, version: digest },
        properties: [{ name: 'osv-convert:unread', value: sentence }],
      },
      components: [
        { type: 'operating-system', name: 'debian', version: '12' },
        {
          type: 'library',
          licenses: [{ license: { id: 'Apache-2.0' } }],
          supplier: { name: 'Debian OpenSSL Team <openssl@example.org>' },
          properties: [{ name: 'osv-convert:source', value: 'openssl' }],
        },
        { type: 'library', scope: 'excluded', hashes: [{ alg: 'SHA-512' }] },
        { type: 'application', name: 'web' },
        { type: 'library', licenses: [{ license: { name: 'GPLv3+' } }] },
      ],
      dependencies: [
        { ref: subject.purl, dependsOn: ['os:debian@12', openssl.ref, web.ref, bash.ref] },
        { ref: meta.ref, dependsOn: [] },
        { ref: web.ref, dependsOn: [meta.ref] },
      ],
      compositions: [{ aggregate: 'incomplete', assemblies: [subject.purl] }],
    });
  });
});

describe('spdxOf', () => {
  it('writes what the inventory has', async () => {
    const document = spdxOf(parts);
    expect((await createValidator('sbom-spdx'))(document)).toBeUndefined();
    expect(document).toMatchObject({
      name: 'example.com/acme/web:1.0',
      creationInfo: { created: '2025-01-31T09:30:00Z', creators: ['Tool: osv-convert-1.2.3'] },
      packages: [
        { SPDXID: 'SPDXRef-image', versionInfo: digest, annotations: [{ comment: sentence }] },
        { name: 'debian', primaryPackagePurpose: 'OPERATING_SYSTEM' },
        {
          name: 'openssl',
          licenseDeclared: 'Apache-2.0',
          supplier: 'Person: Debian OpenSSL Team (openssl@example.org)',
          sourceInfo: 'told by /var/lib/dpkg/status; built from openssl',
        },
        { name: 'Meta', licenseDeclared: 'NOASSERTION', checksums: [{ algorithm: 'SHA512' }] },
        { name: 'web', primaryPackagePurpose: 'APPLICATION' },
        {
          name: 'bash',
          licenseDeclared: expect.stringMatching(/^LicenseRef-/),
          supplier: 'Organization: Red Hat, Inc.',
        },
      ],
      hasExtractedLicensingInfos: [{ name: 'GPLv3+', extractedText: 'GPLv3+' }],
    });
  });

  it('relates document, image and components by names that are there', () => {
    const { packages, relationships } = JSON.parse(formatDocument(spdxOf(parts)));
    const ids = packages.map(({ SPDXID }: { SPDXID: string }) => SPDXID);
    const [, , , metaId, webId] = ids;
    const triples = relationships.map(
      (one: Record<string, string>) =>
        `${one['spdxElementId']} ${one['relationshipType']} ${one['relatedSpdxElement']}`,
    );
    expect(triples).toEqual([
      'SPDXRef-DOCUMENT DESCRIBES SPDXRef-image',
      ...ids.slice(1).map((id: string) => `SPDXRef-image CONTAINS ${id}`),
      `${webId} DEPENDS_ON ${metaId}`,
    ]);
  });
});

describe('both formats', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom('', 'a', '\ud800', '\u0000', 'MIT', '../../etc', 'SPDXRef-image'),
  );
  const component = fc.record(
    {
      kind: fc.constantFrom('nuget' as const, 'deb' as const, 'rpm' as const, 'assembly' as const),
      name: text,
      version: text,
      license: text.filter((one) => one !== ''),
      supplier: text,
      source: text,
    },
    { requiredKeys: ['kind', 'name', 'version'] },
  );

  it('are of their schema, with references that lead somewhere, whatever the texts are', async () => {
    const validate = {
      cyclonedx: await createValidator('sbom-cyclonedx'),
      spdx: await createValidator('sbom-spdx'),
    };
    fc.assert(
      fc.property(fc.array(component, { maxLength: 6 }), (components) => {
        const inventory = {
          components: components.map((one, index) => ({
            ...one,
            ref: `${one.name}#${index}`,
            foundIn: ['/a'],
            dependsOn: index === 0 ? [] : [`${components[index - 1]?.name}#${index - 1}`],
          })),
          unread: [],
        };
        const written = formatDocument(cyclonedxOf({ subject, tool, inventory }));
        expect(formatDocument(cyclonedxOf({ subject, tool, inventory }))).toBe(written);
        expect(validate.cyclonedx(JSON.parse(written))).toBeUndefined();
        expect(written).not.toMatch(/\\u[dD][89a-fA-F]/);
        const spdx = JSON.parse(formatDocument(spdxOf({ subject, tool, inventory })));
        expect(validate.spdx(spdx)).toBeUndefined();
        const ids = new Set(spdx.packages.map(({ SPDXID }: { SPDXID: string }) => SPDXID));
        expect(ids.size).toBe(components.length + 1);
      }),
      { numRuns: 300 },
    );
  });
});
