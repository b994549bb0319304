import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Digest } from '../digest.ts';
import { StoreError } from '../error.ts';
import { writeFileWhole } from '../files/draft.ts';
import type { Files } from '../files/files.ts';
import { isAlive } from '../files/owner.ts';
import type { Layout } from '../layout.ts';
import type { StoreParts } from '../parts.ts';
import type { Leases } from './contract.ts';
import { correctEarly } from './early.ts';
import { formatLeaseHead, type LeaseFile, parseLeaseFile } from './lease-file.ts';
import { withLock } from './lock.ts';

/**
 * Milliseconds without a sign of life after which an owner of another boot or container, who cannot
 * be looked up, is taken for dead. Owners give one each minute.
 */
const grace = 15 * 60_000;

export function createLeases({ files, layout, prepare }: StoreParts): Leases {
  return {
    list: async () => {
      const leases = await readLeases(files, layout);
      const byAge = (a: LeaseFile, b: LeaseFile) => a.created.getTime() - b.created.getTime();
      return leases.sort((a, b) => byAge(a, b) || (a.id < b.id ? -1 : 1));
    },
    async create({ purpose, digests, expires }) {
      await prepare();
      const head = { id: randomUUID(), purpose, created: new Date(), ...(expires && { expires }) };
      const text = formatLeaseHead(head) + digests.map((digest) => `${digest}\n`).join('');
      await withLock(files, layout.gate, async () => {
        for (const digest of digests) requirePresent(files, layout, digest);
        const path = join(layout.leases, `${head.id}.lease`);
        await writeFileWhole(files, layout.ingest, path, Buffer.from(text));
      });
      return { ...head, holds: digests, alive: true };
    },
    async delete(id) {
      const lease = (await readLeases(files, layout)).find((lease) => lease.id === id);
      if (lease === undefined) return false;
      await prepare();
      return files.remove(join(layout.leases, `${id}.lease`));
    },
  };
}

/** Every lease there is; those whose time or owner has passed are told as not alive. */
export async function readLeases(
  files: Files,
  layout: Layout,
): Promise<(LeaseFile & { readonly alive: boolean })[]> {
  const leases = [];
  for (const { name } of files.list(layout.leases) ?? []) {
    const path = join(layout.leases, name);
    const bytes = name.endsWith('.lease') ? files.readWhole(path) : undefined;
    const lease = bytes && parseLeaseFile(Buffer.from(bytes).toString('utf8'));
    if (lease !== undefined) leases.push({ ...lease, alive: await holds(files, lease, path) });
  }
  return leases;
}

/** Those of others, which may not be ours to remove, are no reason to stop. */
export async function removeEndedLeases(files: Files, layout: Layout): Promise<void> {
  for (const { id, alive } of await readLeases(files, layout)) {
    const path = join(layout.leases, `${id}.lease`);
    if (alive) {
      correctEarly(files, path);
      continue;
    }
    try {
      files.remove(path);
    } catch {}
  }
}

async function holds(files: Files, { owner, expires }: LeaseFile, path: string): Promise<boolean> {
  if (expires !== undefined && expires.getTime() <= Date.now()) return false;
  if (owner === undefined) return true;
  const alive = await isAlive(owner);
  if (alive !== undefined) return alive;
  const file = files.stat(path);
  return file !== undefined && Date.now() - file.mtime < grace;
}

function requirePresent(files: Files, layout: Layout, digest: Digest): void {
  if (files.stat(layout.blob(digest)) !== undefined) return;
  throw new StoreError('BLOB_MISSING', `leasing ${digest}: found none, wanted it in the store`, {
    digest,
    hint: 'pull the image again',
  });
}
