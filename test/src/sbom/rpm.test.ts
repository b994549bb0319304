import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attemptToRead, isUnread } from '../../../src/sbom/damaged.ts';
import { readBerkeleyBlobs } from '../../../src/sbom/rpm/berkeley.ts';
import { readRpmHeader } from '../../../src/sbom/rpm/header.ts';
import { readRpmManifest } from '../../../src/sbom/rpm/manifest.ts';
import { readNdbBlobs } from '../../../src/sbom/rpm/ndb.ts';
import { readSqliteBlobs } from '../../../src/sbom/rpm/sqlite.ts';
import type { SyncAccess } from '../../../src/tree/access.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import {
  accessOf,
  berkeleyDatabase,
  ndbDatabase,
  type RpmPackage,
  rpmHeader,
  sqliteDatabase,
} from './databases.ts';

const folder = temporaryFolder('sbom');

const few: readonly RpmPackage[] = [
  { name: 'glibc', version: '2.38', release: '9.azl3', architecture: 'x86_64', padding: 20 },
  { name: 'kernel', version: '6.6', release: '1', padding: 100_000 },
  { name: 'tzdata', version: '2024a', release: '1.azl3', architecture: 'noarch' },
];

const readSqlite = (access: SyncAccess) => readSqliteBlobs(access, 'Packages');

const namesIn = (blobs: Iterable<Buffer>) =>
  Array.from(blobs, (blob) => readRpmHeader(blob).name).sort();

describe('readRpmHeader', () => {
  it('reads the tags of a package', () => {
    const header = rpmHeader({
      name: 'openssl-libs',
      version: '3.3.0',
      release: '2.azl3',
      epoch: 1,
      license: 'Apache-2.0',
      vendor: 'Microsoft Corporation',
      architecture: 'x86_64',
      source: 'openssl-3.3.0-2.azl3.src.rpm',
    });
    expect(readRpmHeader(header)).toEqual({
      name: 'openssl-libs',
      version: '3.3.0-2.azl3',
      epoch: '1',
      license: 'Apache-2.0',
      supplier: 'Microsoft Corporation',
      architecture: 'x86_64',
      source: 'openssl-3.3.0-2.azl3.src.rpm',
    });
  });

  it('says nothing of what a package does not say', () => {
    const { epoch, license, supplier, source } = readRpmHeader(rpmHeader({ name: 'a' }));
    expect([epoch, license, supplier, source]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it.each([
    ['more entries than it is long', (blob: Buffer) => blob.writeUInt32BE(5000, 0)],
    ['a text outside of it', (blob: Buffer) => blob.writeUInt32BE(100_000, 8 + 8)],
    ['no name', (blob: Buffer) => blob.writeUInt32BE(9, 8)],
  ])('refuses a header with %s', (_, damage) => {
    const blob = rpmHeader({ name: 'a' });
    damage(blob);
    expect(attemptToRead('/x', () => [readRpmHeader(blob)])).toEqual([
      { path: '/x', reason: expect.any(String) },
    ]);
  });
});

describe('readSqliteBlobs', () => {
  it.each([512, 4096, 65_536])('finds every package on pages of %i bytes', (pageSize) => {
    const many = Array.from({ length: 300 }, (_, index) => ({
      name: `package-${index}`,
      padding: (index * 37) % 9000,
    }));
    const database = sqliteDatabase(folder, many.map(rpmHeader), pageSize);
    if (database === undefined) return;
    const names = namesIn(readSqlite(accessOf(database)));
    expect(names).toEqual(many.map(({ name }) => name).sort());
  });

  it('refuses a page that is linked to twice', () => {
    const database = sqliteDatabase(folder, few.map(rpmHeader));
    if (database === undefined) return;
    // The chain of the large package comes back to where it began.
    const chained = Array.from(
      { length: database.length / 4096 - 1 },
      (_, index) => index + 1,
    ).find((page) => database.readUInt32BE(page * 4096) === page + 2);
    expect(chained).toBeDefined();
    database.writeUInt32BE((chained ?? 0) + 1, (chained ?? 0) * 4096);
    expect(() => namesIn(readSqlite(accessOf(database)))).toThrow('in two places');
  });

  it('refuses a database without the table', () => {
    const database = sqliteDatabase(folder, []);
    if (database === undefined) return;
    expect(() => [...readSqliteBlobs(accessOf(database), 'Nothing')]).toThrow('no table Nothing');
  });

  it('refuses what is no database', () => {
    expect(() => namesIn(readSqlite(accessOf(Buffer.alloc(4096))))).toThrow('no SQLite database');
  });
});

describe('readNdbBlobs', () => {
  it('finds every package', () => {
    const names = namesIn(readNdbBlobs(accessOf(ndbDatabase(few.map(rpmHeader)))));
    expect(names).toEqual(['glibc', 'kernel', 'tzdata']);
  });

  it('refuses packages that overlap', () => {
    const database = ndbDatabase(few.map(rpmHeader));
    database.copyWithin(48 + 8, 32 + 8, 32 + 16);
    expect(() => namesIn(readNdbBlobs(accessOf(database)))).toThrow('overlap');
  });

  it.each([
    ['a version that nobody knows', 4, 9],
    ['more pages of slots than there are', 12, 100_000],
    ['a slot that is none', 32, 0],
    ['a blob that is none', 4096, 0],
    ['a blob longer than its place', 4096 + 12, 1 << 20],
  ])('refuses %s', (_, at, value) => {
    const database = ndbDatabase(few.map(rpmHeader));
    database.writeUInt32LE(value, at);
    expect(attemptToRead('/x', () => namesIn(readNdbBlobs(accessOf(database))))).toEqual([
      { path: '/x', reason: expect.any(String) },
    ]);
  });
});

describe('readBerkeleyBlobs', () => {
  it('finds every package, in pages of its own or among the keys', () => {
    const names = namesIn(readBerkeleyBlobs(accessOf(berkeleyDatabase(few.map(rpmHeader)))));
    expect(names).toEqual(['glibc', 'kernel', 'tzdata']);
  });

  it('refuses a chain of pages that comes back', () => {
    const database = berkeleyDatabase(few.map(rpmHeader));
    database.writeUInt32LE(2, 3 * 4096 + 16);
    expect(() => namesIn(readBerkeleyBlobs(accessOf(database)))).toThrow('in two places');
  });

  it.each([
    ['another kind of database', 12, 0x053162, 'no hash database'],
    ['pages of an odd size', 20, 4095, 'pages of 4095 bytes'],
    ['an encrypted one', 24, 1, 'encrypted'],
  ])('refuses %s', (_, at, value, reason) => {
    const database = berkeleyDatabase(few.map(rpmHeader));
    database.writeUInt32LE(value, at);
    expect(() => namesIn(readBerkeleyBlobs(accessOf(database)))).toThrow(reason);
  });
});

describe('readers of databases', () => {
  it('end with packages or a reason, and in time, whatever bytes are changed', () => {
    const sqlite = sqliteDatabase(folder, few.map(rpmHeader));
    const samples: readonly (readonly [Buffer, (access: SyncAccess) => Iterable<Buffer>])[] = [
      ...(sqlite === undefined ? [] : [[sqlite, readSqlite] as const]),
      [ndbDatabase(few.map(rpmHeader)), readNdbBlobs],
      [berkeleyDatabase(few.map(rpmHeader)), readBerkeleyBlobs],
    ];
    // Positions where the structure is, more often than where only data is.
    const position = fc.oneof(fc.nat(200), fc.nat(9000), fc.nat(130_000));
    const change = fc.tuple(position, fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 255)));
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.array(change, { minLength: 1, maxLength: 12 }),
        fc.option(fc.nat(120_000)),
        ([sample, read], changes, cut) => {
          const bytes = Buffer.from(sample.subarray(0, cut ?? sample.length));
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
          const found = attemptToRead('/x', () => Array.from(read(accessOf(bytes)), readRpmHeader));
          expect(found.filter(isUnread).length === 0 || found.length === 1).toBe(true);
        },
      ),
      { numRuns: 1500 },
    );
  });
});

describe('readRpmManifest', () => {
  it('reads the list of an image without rpm', () => {
    const text =
      'azurelinux-release\t3.0-26.azl3\t1736200000\t1736100000\tMicrosoft Corporation\t(none)\t4000\tnoarch\t0\tazurelinux-release-3.0-26.azl3.src.rpm\n' +
      'openssl-libs\t3.3.2-1.azl3\t1\t2\tMicrosoft Corporation\t1\t7\tx86_64\t1\topenssl-3.3.2-1.azl3.src.rpm\n';
    expect([...readRpmManifest(text)]).toEqual([
      {
        name: 'azurelinux-release',
        version: '3.0-26.azl3',
        epoch: undefined,
        architecture: 'noarch',
        license: undefined,
        supplier: 'Microsoft Corporation',
        source: 'azurelinux-release-3.0-26.azl3.src.rpm',
      },
      expect.objectContaining({ name: 'openssl-libs', epoch: '1' }),
    ]);
  });

  it('refuses a line of another form', () => {
    expect(() => [...readRpmManifest('openssl 3.0\n')]).toThrow('a line without name');
  });
});
