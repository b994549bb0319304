import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Digest } from '../digest.ts';
import { draftNameOf, vanished } from '../files/draft.ts';
import type { Files, OpenFile } from '../files/files.ts';
import { isWriteRefusal } from '../files/io-error.ts';
import { myself } from '../files/owner.ts';
import type { StoreParts } from '../parts.ts';
import { formatLeaseHead } from './lease-file.ts';
import { withLock } from './lock.ts';

/** What one open store uses: its lease. */
export interface Holds {
  /** See `Store.hold`. */
  hold(digests: readonly Digest[]): Promise<void>;
  /** Lets go of everything. */
  close(): Promise<void>;
}

/** Who only reads cannot hold. */
export const noHolds: Holds = { hold: async () => {}, close: async () => {} };

/** Milliseconds between two signs of life, for those who cannot see this process. */
const pulse = 60_000;

/**
 * The lease is made with the first thing that is held, and gets a line for each. Lines are written
 * under the lock under which things are removed, so that what is held is never half removed; they
 * need not be durable, for who held them does not survive a loss of power either.
 */
export function createHolds(
  { files, layout, prepare }: Pick<StoreParts, 'files' | 'layout' | 'prepare'>,
  purpose: string,
): Holds {
  const held = new Set<Digest>();
  let lease: OpenFile | undefined;
  let end = 0;
  let life: NodeJS.Timeout | undefined;
  let turn: Promise<void> = Promise.resolve();

  /** At a place of its own: what a failed write left there is written over by the next. */
  const append = (file: OpenFile, text: string): void => {
    const bytes = Buffer.from(text);
    file.write(bytes, end);
    end += bytes.length;
  };

  const begin = async (): Promise<OpenFile> => {
    const id = randomUUID();
    const owner = await myself();
    const head = { id, purpose, created: new Date(), owner };
    const path = join(layout.leases, `${id}.lease`);
    const draft = files.create(join(layout.ingest, draftNameOf(owner)));
    end = 0;
    try {
      append(draft, formatLeaseHead(head) + linesOf(held));
      // A lease without a head is nobody's: whoever meets it could not tell when it ends.
      if (!files.rename(draft.path, path)) throw vanished(draft.path);
    } catch (error) {
      discard(files, draft);
      throw error;
    }
    return { ...draft, path };
  };

  /** Those who cannot see this process may have taken it for dead, and its lease away. */
  const isLost = ({ path }: OpenFile): boolean => files.stat(path) === undefined;

  const beat = async (): Promise<void> => {
    if (lease === undefined) return;
    if (!isLost(lease)) files.touch(lease.path);
    else await withLock(files, layout.gate, renew);
  };

  const renew = async (): Promise<OpenFile> => {
    if (lease !== undefined && !isLost(lease)) return lease;
    lease?.close();
    lease = undefined;
    lease = await begin();
    return lease;
  };

  const add = async (digests: readonly Digest[]): Promise<void> => {
    const fresh = digests.filter((digest) => !held.has(digest));
    if (fresh.length === 0) return;
    await prepare();
    await withLock(files, layout.gate, async () => {
      append(await renew(), linesOf(fresh));
    });
    life ??= setInterval(() => {
      // Who cannot give a sign of life is at worst taken for dead, which must not end the work.
      turn = turn.then(beat).catch(() => undefined);
    }, pulse).unref();
    for (const digest of fresh) {
      held.add(digest);
      noteUse(digest);
    }
  };

  /** A blob's time of change is when it was held last; its bytes never change. */
  const noteUse = (digest: Digest): void => {
    const path = layout.blob(digest);
    // Only the choice of what is used least depends on it.
    try {
      if (files.stat(path) !== undefined) files.touch(path);
    } catch {}
  };

  return {
    hold(digests) {
      turn = turn
        .catch(() => undefined)
        .then(() => add(digests))
        .catch((error: unknown) => {
          // Who may not write cannot hold, and cannot lose anything by his own doing either.
          if (!isWriteRefusal(error)) throw error;
        });
      return turn;
    },
    close() {
      turn = turn
        .catch(() => undefined)
        .then(() => {
          clearInterval(life);
          life = undefined;
          const ended = lease;
          lease = undefined;
          held.clear();
          if (ended !== undefined) discard(files, ended);
        });
      return turn;
    },
  };
}

function linesOf(digests: Iterable<Digest>): string {
  return Array.from(digests, (digest) => `${digest}\n`).join('');
}

function discard(files: Files, file: OpenFile): void {
  try {
    file.close();
  } finally {
    files.remove(file.path);
  }
}
