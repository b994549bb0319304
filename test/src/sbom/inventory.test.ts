import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { takeInventory } from '../../../src/sbom/inventory.ts';
import type { SyncAccess } from '../../../src/tree/access.ts';
import { openContents } from '../../../src/tree/contents.ts';
import { contentsOn } from '../../../src/tree/contents-on.ts';
import { editTree } from '../../../src/tree/edit.ts';
import { directory, fileOf } from '../../../src/tree/nodes.ts';
import {
  berkeleyDatabase,
  ndbDatabase,
  rpmHeader,
  sqliteDatabase,
  zstdStored,
} from './databases.ts';
import { debian, type Files, inventoryOf, purlsOf, zlib } from './taken.ts';

const removed = `Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0
`;

describe('takeInventory', () => {
  it('says nothing of an empty image', async () => {
    expect(await inventoryOf({ '/a': 'b' })).toEqual({ components: [], unread: [] });
  });

  it('finds what dpkg has installed, and not what it has removed', async () => {
    const { components, distribution } = await inventoryOf({
      ...debian,
      '/var/lib/dpkg/status': `${zlib}\n${removed}\nPackage: libstdc++6\nVersion: 12.2.0-14+deb12u1\nArchitecture: amd64\n`,
    });
    expect(distribution).toMatchObject({
      id: 'debian',
      version: '12',
      name: 'Debian GNU/Linux 12',
    });
    expect(components).toEqual([
      {
        ref: 'pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12',
        kind: 'deb',
        name: 'libstdc++6',
        version: '12.2.0-14+deb12u1',
        purl: 'pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12',
        foundIn: ['/var/lib/dpkg/status'],
        dependsOn: [],
      },
      {
        ref: 'pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=amd64&distro=debian-12',
        kind: 'deb',
        name: 'zlib1g',
        version: '1:1.2.13.dfsg-1',
        purl: 'pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=amd64&distro=debian-12',
        supplier: 'Mark Brown <broonie@debian.org>',
        source: 'zlib',
        foundIn: ['/var/lib/dpkg/status'],
        dependsOn: [],
      },
    ]);
  });

  it('finds the packages of an image without dpkg', async () => {
    const inventory = await inventoryOf({
      ...debian,
      '/var/lib/dpkg/status.d/base-files':
        'Package: base-files\nVersion: 12.4\nArchitecture: amd64\n',
      '/var/lib/dpkg/status.d/base-files.md5sums': 'd41d8cd98f00b204e9800998ecf8427e  etc/issue\n',
    });
    expect(purlsOf(inventory)).toEqual([
      'pkg:deb/debian/base-files@12.4?arch=amd64&distro=debian-12',
    ]);
    expect(inventory.unread).toEqual([]);
  });

  it('finds the packages that chisel cut slices of', async () => {
    const lines = [
      '{"jsonwall":"1.0","schema":"1.0","count":4}',
      '{"kind":"content","slice":"libssl3t64_libs","path":"/usr/lib/x86_64-linux-gnu/libssl.so.3"}',
      `{"kind":"package","name":"libssl3t64","version":"3.0.13-0ubuntu3.5","sha256":"${'a'.repeat(64)}","arch":"amd64"}`,
      '{"kind":"slice","name":"libssl3t64_libs"}',
    ];
    const { components, unread } = await inventoryOf({
      '/etc/os-release': '-> ../usr/lib/os-release',
      '/usr/lib/os-release': "ID=ubuntu\nVERSION_ID='24.04'\n",
      '/var/lib/chisel/manifest.wall': zstdStored(`${lines.join('\n')}\n`),
    });
    expect(unread).toEqual([]);
    expect(components).toEqual([
      expect.objectContaining({
        purl: 'pkg:deb/ubuntu/libssl3t64@3.0.13-0ubuntu3.5?arch=amd64&distro=ubuntu-24.04',
        checksum: { algorithm: 'SHA-256', value: 'a'.repeat(64) },
        foundIn: ['/var/lib/chisel/manifest.wall'],
      }),
    ]);
  });

  it('finds what apk has installed, once where one database is a link to the other', async () => {
    const { components } = await inventoryOf({
      '/etc/os-release': 'ID=alpine\nVERSION_ID=3.23.0\n',
      '/usr/lib/apk/db/installed':
        'C:Q1abc=\nP:musl\nV:1.2.5-r21\nA:x86_64\nL:MIT\no:musl\nm:Timo <timo@example.org>\nF:lib\nR:ld-musl-x86_64.so.1\n\nP:libgcc\nV:15.2.0-r2\nA:x86_64\nL:GPL-2.0-or-later AND LGPL-2.1-or-later\n\n',
      '/lib': '-> usr/lib',
    });
    expect(components).toEqual([
      expect.objectContaining({
        purl: 'pkg:apk/alpine/libgcc@15.2.0-r2?arch=x86_64&distro=alpine-3.23.0',
        license: 'GPL-2.0-or-later AND LGPL-2.1-or-later',
      }),
      expect.objectContaining({
        purl: 'pkg:apk/alpine/musl@1.2.5-r21?arch=x86_64&distro=alpine-3.23.0',
        license: 'MIT',
        supplier: 'Timo <timo@example.org>',
        source: 'musl',
        foundIn: ['/usr/lib/apk/db/installed'],
      }),
    ]);
  });

  it('finds what rpm has installed, in every format it has had', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'osv-convert-sbom-'));
    try {
      const blobs = [
        rpmHeader({ name: 'bash', version: '5.2', release: '3', epoch: 2, architecture: 'x86_64' }),
        rpmHeader({ name: 'gpg-pubkey', version: 'd4082792', release: '5b32db75' }),
      ];
      const sqlite = sqliteDatabase(folder, blobs);
      const databases: Files = {
        ...(sqlite && { '/var/lib/rpm/rpmdb.sqlite': sqlite }),
        '/usr/lib/sysimage/rpm/Packages.db': ndbDatabase(blobs),
        '/var/lib/rpm/Packages': berkeleyDatabase(blobs),
      };
      for (const [path, bytes] of Object.entries(databases)) {
        const { components, unread } = await inventoryOf({
          '/etc/os-release': 'ID="rhel"\nVERSION_ID="9.4"\n',
          [path]: bytes,
        });
        expect(unread).toEqual([]);
        expect(components).toEqual([
          expect.objectContaining({
            purl: 'pkg:rpm/redhat/bash@5.2-3?arch=x86_64&distro=rhel-9.4&epoch=2',
            foundIn: [path],
          }),
        ]);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('finds the packages of an image without rpm', async () => {
    const inventory = await inventoryOf({
      '/etc/os-release': 'ID=azurelinux\nVERSION_ID=3.0\n',
      '/var/lib/rpmmanifest/container-manifest-2':
        'tzdata\t2025a-1.azl3\t1\t2\tMicrosoft Corporation\t(none)\t3\tnoarch\t0\ttzdata-2025a-1.azl3.src.rpm\n',
    });
    expect(purlsOf(inventory)).toEqual([
      'pkg:rpm/azurelinux/tzdata@2025a-1.azl3?arch=noarch&distro=azurelinux-3.0',
    ]);
  });

  it('says that changes which SQLite has not written yet are left out', async () => {
    const { unread } = await inventoryOf({
      '/var/lib/rpm/Packages': berkeleyDatabase([]),
      '/var/lib/rpm/rpmdb.sqlite-wal': 'changes',
    });
    expect(unread).toEqual([
      { path: '/var/lib/rpm/rpmdb.sqlite-wal', reason: expect.stringContaining('not yet written') },
    ]);
  });

  it('leaves out the files that are damaged, says so, and goes on', async () => {
    const { components, unread } = await inventoryOf({
      ...debian,
      '/app/app.deps.json': '{',
      '/app/other.deps.json': '{"libraries":{"a":{}}}',
      '/app/wrong.deps.json': Buffer.from([0x22, 0xff, 0x22]),
      '/lib/apk/db/installed': 'P:a\0',
      '/var/lib/chisel/manifest.wall': zstdStored('{"jsonwall":"2.0"}\n'),
      '/var/lib/dpkg/status': zlib,
      '/var/lib/rpm/rpmdb.sqlite': 'SQLite format 3\0',
      '/var/lib/rpmmanifest/container-manifest-2': 'no tabs\n',
    });
    expect(components.map(({ name }) => name)).toEqual(['zlib1g']);
    expect(Object.fromEntries(unread.map(({ path, reason }) => [path, reason]))).toEqual({
      '/app/app.deps.json': 'no valid JSON',
      '/app/other.deps.json': 'the library "a" without version or type',
      '/app/wrong.deps.json': 'no libraries',
      '/lib/apk/db/installed': 'zero bytes, in a file of text',
      '/var/lib/chisel/manifest.wall': 'no jsonwall 1.0',
      '/var/lib/rpm/rpmdb.sqlite': 'a position outside of the file',
      '/var/lib/rpmmanifest/container-manifest-2': 'a line without name, version and architecture',
    });
  });

  it('reads no file that is larger than any such file is', async () => {
    const paths = [
      '/app/app.deps.json',
      '/etc/os-release',
      '/lib/apk/db/installed',
      '/var/lib/chisel/manifest.wall',
      '/var/lib/dpkg/status',
      '/var/lib/rpm/Packages',
      '/var/lib/rpmmanifest/container-manifest-2',
    ];
    const access: SyncAccess = {
      size: 2 ** 40,
      read() {
        throw new Error('it is read');
      },
    };
    const node = fileOf(contentsOn(access)(0, access.size));
    const edits = paths.map((path) => ({ op: 'set', path, node: { ...node } }) as const);
    const tree = editTree({ root: directory() }, edits);
    const { unread } = await takeInventory(tree, openContents(new Map()));
    expect(unread.map(({ path }) => path)).toEqual(paths);
    for (const { reason } of unread) expect(reason).toContain(`${2 ** 40} bytes, above`);
  });

  it('takes no more libraries than an image has, in however many files they are', async () => {
    const many = JSON.stringify({
      libraries: Object.fromEntries(
        Array.from({ length: 19_000 }, (_, index) => [`a${index}/1`, { type: 'package' }]),
      ),
    });
    const files = Array.from({ length: 3 }, (_, index) => [`/app/${index}.deps.json`, many]);
    const { components, unread } = await inventoryOf(Object.fromEntries(files));
    expect(components).toHaveLength(19_000);
    expect(unread.map(({ path }) => path)).toEqual(['/app/2.deps.json']);
  });

  it.each([
    ['escapes', `{"libraries/":{"${'\\\\'.repeat(1 << 20)}":1}}`],
    ['comments', '/**/'.repeat(1_000_000)],
    ['folders of folders', `{"libraries":${'['.repeat(3 << 20)}`],
    ['a string that never ends', `//\n{"${'x'.repeat(3 << 20)}`],
  ])('ends with a reason for a deps.json of millions of %s', async (_, text) => {
    const { components, unread } = await inventoryOf({ '/app/a.deps.json': text });
    expect(components).toEqual([]);
    expect(unread).toEqual([{ path: '/app/a.deps.json', reason: expect.any(String) }]);
  });

  it('leaves out what the host refuses: names that hold halves of characters', async () => {
    const halves = '{"libraries":{"\\ud800/1":{"type":"package"}}}';
    const { components, unread } = await inventoryOf({ '/app/a.deps.json': halves });
    expect(components).toEqual([]);
    expect(unread).toEqual([{ path: '/app/a.deps.json', reason: 'no valid JSON' }]);
  });

  it('refuses a manifest of chisel that is no zstd', async () => {
    const cut = zstdStored('{"jsonwall":"1.0"}').subarray(0, 14);
    const { unread } = await inventoryOf({ '/var/lib/chisel/manifest.wall': cut });
    expect(unread).toEqual([
      { path: '/var/lib/chisel/manifest.wall', reason: 'no zstd, or too much of it' },
    ]);
  });

  it('takes no ID that is no word for a distribution', async () => {
    const inventory = await inventoryOf({
      '/etc/os-release': 'ID="a/../b"\n',
      '/lib/apk/db/installed': 'P:musl\nV:1\n',
    });
    expect(inventory.distribution).toBeUndefined();
    expect(purlsOf(inventory)).toEqual(['pkg:apk/musl@1']);
  });
});
