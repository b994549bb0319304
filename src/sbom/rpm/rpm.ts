import type { SyncAccess } from '../../tree/access.ts';
import { type Contents, contentAccess } from '../../tree/contents.ts';
import { type Found, lookup } from '../../tree/lookup.ts';
import type { Tree } from '../../tree/tree.ts';
import { attemptToRead, bytesOf, Damaged, type Reading } from '../damaged.ts';
import { componentOfPackage } from '../distribution-package.ts';
import type { Distribution } from '../os-release.ts';
import { readBerkeleyBlobs } from './berkeley.ts';
import { type RpmHeader, readRpmHeader } from './header.ts';
import { readRpmManifest } from './manifest.ts';
import { readNdbBlobs } from './ndb.ts';
import { readSqliteBlobs } from './sqlite.ts';

/** Where distributions keep it; one of them is often a link to another. */
const folders = ['/var/lib/rpm', '/usr/lib/sysimage/rpm', '/usr/share/rpm'];
const databaseCap = 512 << 20;

const manifest = '/var/lib/rpmmanifest/container-manifest-2';
const manifestCap = 16 << 20;

const packageCap = 20_000;

type ReadBlobs = (access: SyncAccess) => Iterable<Buffer>;

/** The formats that rpm has had, by the name of the file with the packages; the newest first. */
const formats: ReadonlyMap<string, ReadBlobs> = new Map<string, ReadBlobs>([
  ['rpmdb.sqlite', (access) => readSqliteBlobs(access, 'Packages')],
  ['Packages.db', readNdbBlobs],
  ['Packages', readBerkeleyBlobs],
]);

/** What rpm has installed, or what is left in place of its database in images without rpm. */
export function readRpm(
  tree: Tree,
  contents: Contents,
  distribution: Distribution | undefined,
): Reading {
  const readers = new Map<string, () => Iterable<RpmHeader>>();
  for (const folder of folders) {
    const database = databaseIn(tree, folder);
    if (database === undefined) continue;
    const { found, readBlobs } = database;
    readers.set(found.path, () => headersIn(contents, found, readBlobs));
    const log = lookup(tree, `${folder}/rpmdb.sqlite-wal`);
    if (log?.node.kind === 'file' && log.node.content.size > 0) {
      readers.set(log.path, () => {
        throw new Damaged('changes that were not yet written to rpmdb.sqlite');
      });
    }
  }
  const list = lookup(tree, manifest);
  if (list !== undefined) {
    readers.set(list.path, () =>
      readRpmManifest(bytesOf(contents, list, manifestCap).toString('utf8')),
    );
  }
  return [...readers].flatMap(([path, read]) =>
    attemptToRead(path, () =>
      Array.from(read(), (header) =>
        componentOfPackage({ kind: 'rpm', ...header }, distribution, path),
      ),
    ),
  );
}

function databaseIn(
  tree: Tree,
  folder: string,
): { readonly found: Found; readonly readBlobs: ReadBlobs } | undefined {
  for (const [name, readBlobs] of formats) {
    const found = lookup(tree, `${folder}/${name}`);
    if (found !== undefined) return { found, readBlobs };
  }
  return undefined;
}

function* headersIn(
  contents: Contents,
  { node }: Found,
  readBlobs: ReadBlobs,
): Generator<RpmHeader, void> {
  if (node.kind !== 'file') throw new Damaged('no file');
  const { content } = node;
  if (content.size > databaseCap) throw new Damaged(`${content.size} bytes, above ${databaseCap}`);
  let count = 0;
  for (const blob of readBlobs(contentAccess(contents, content))) {
    if (++count > packageCap) throw new Damaged(`more than ${packageCap} packages`);
    const header = readRpmHeader(blob);
    // Keys that packages are signed with are in the database, too.
    if (header.name !== 'gpg-pubkey') yield header;
  }
}
