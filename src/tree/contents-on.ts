import { createHash } from 'node:crypto';
import { type Digest, parseDigest } from '../../store/index.ts';
import type { SyncAccess } from './access.ts';
import type { Content } from './tree.ts';

/** Bytes that are hashed at one time. */
const sliceSize = 2 ** 20;

/**
 * Makes contents that are runs of bytes of `access`. A digest is made when it is first asked for. The
 * getter is of them all: one for each would take 600 bytes a file. So a copy of a content's own
 * properties has no digest.
 */
export function contentsOn(access: SyncAccess): (offset: number, size: number) => Content {
  const digests = new WeakMap<object, Digest>();
  const empty = {
    kind: 'access',
    access,
    offset: 0,
    size: 0,
    get digest(): Digest {
      const digest = digests.get(this) ?? digestOf(this);
      digests.set(this, digest);
      return digest;
    },
  } as const satisfies Content;
  return (offset, size) =>
    Object.assign(Object.create(empty), { kind: 'access', access, offset, size });
}

type Run = Pick<Extract<Content, { kind: 'access' }>, 'access' | 'offset' | 'size'>;

function digestOf({ access, offset, size }: Run): Digest {
  const hash = createHash('sha256');
  for (let at = 0; at < size; at += sliceSize) {
    hash.update(access.read(offset + at, Math.min(sliceSize, size - at)));
  }
  return parseDigest(`sha256:${hash.digest('hex')}`);
}
