import { Buffer } from 'node:buffer';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { readTar } from '../read-tar.ts';
import { archive, member, pax } from '../tar-builder.ts';
import { differenceOf } from './compare.ts';
import type { Listed } from './listing.ts';
import type { PeerOutcome } from './peers.ts';
import type { Outcome } from './unpack.ts';

/** Where umoci keeps owners that it may not set: a message of Protocol Buffers, uid and gid. */
const ownerKey = 'user.rootlesscontainers';

type Attributes = ReadonlyMap<string, Uint8Array>;

/** Whether the file system under `folder` keeps extended attributes of users, and GNU tar reads them. */
export function keepsAttributes(folder: string): boolean {
  const probe = mkdtempSync(join(folder, 'probe-'));
  const input = archive(pax([['SCHILY.xattr.user.x', 'y']]), member({ name: 'a' }));
  const options = ['--extract', '--xattrs', '--file=-', '--directory', probe];
  const { status } = spawnSync('tar', options, { input });
  return status === 0 && attributesBelow(probe).get('a')?.has('user.x') === true;
}

/**
 * In what our tree differs from what umoci made in `folder`. Owners and extended attributes are compared
 * where there are some, and only if they are kept there: to read them takes a process.
 */
export function differenceFromUmoci(
  ours: Outcome,
  theirs: PeerOutcome,
  folder: string,
  kept: boolean,
): string | undefined {
  const some =
    kept &&
    'listed' in ours &&
    ours.listed.some(({ owner, xattrs }) => owner !== '0:0' || xattrs !== undefined);
  return 'listed' in theirs && some
    ? differenceOf(ours, { listed: withAttributes(theirs.listed, folder) }, { owners: true })
    : differenceOf(ours, theirs, { owners: false });
}

/** A list with the extended attributes and kept owners of a folder, which must be readable. */
function withAttributes(listed: readonly Listed[], folder: string): readonly Listed[] {
  const attributes = attributesBelow(folder);
  return listed.map((one) => {
    const found = new Map(attributes.get((one.same ?? one.path).slice(1)));
    const owner = ownerOf(found.get(ownerKey));
    found.delete(ownerKey);
    return { ...one, owner, ...(found.size > 0 && { xattrs: found }) };
  });
}

/** By path. Node cannot read them, and GNU tar can. */
function attributesBelow(folder: string): ReadonlyMap<string, Attributes> {
  const options = ['--format=posix', '--xattrs', '--xattrs-include=user.*', '--sort=name'];
  const tar = execFileSync('tar', ['--create', ...options, '--directory', folder, '.'], {
    maxBuffer: 2 ** 28,
  });
  return new Map(
    readTar(tar).map((entry) => [
      entry.path,
      new Map(
        Object.entries(('xattrs' in entry && entry.xattrs) || {}).map(([name, value]) => [
          name,
          Buffer.from(value, 'base64'),
        ]),
      ),
    ]),
  );
}

/** What umoci writes for an owner of 0 where the other is none. */
const noop = 0xffff_ffff;

/** Fields 1 and 2, both varints; a field that is not there is 0. */
function ownerOf(message: Uint8Array = Buffer.alloc(0)): string {
  const owner = [0, 0];
  for (let at = 0; at < message.length; ) {
    const field = (message[at++] ?? 0) >> 3;
    let value = 0;
    for (let shift = 0, more = true; more; shift += 7) {
      const byte = message[at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      more = byte >= 0x80;
    }
    owner[field - 1] = value === noop ? 0 : value;
  }
  return owner.join(':');
}
