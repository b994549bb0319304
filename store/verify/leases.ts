import { Buffer } from 'node:buffer';
import { join, relative } from 'node:path';
import { type Digest, parseDiffID } from '../digest.ts';
import { parseLeaseFile } from '../leases/lease-file.ts';
import { readLeases } from '../leases/leases.ts';
import { withLock } from '../leases/lock.ts';
import { note } from './note.ts';
import { quarantineAtGate } from './quarantine.ts';
import type { Run } from './run.ts';
import type { Finding } from './verify.ts';

/** What is held. A lease that cannot be read holds nothing, and its owner does not know. */
export async function verifyLeases(run: Run): Promise<void> {
  const { parts, options, tell } = run;
  const { files, layout } = parts;
  for (const { name } of files.list(layout.leases) ?? []) {
    if (!name.endsWith('.lease')) continue;
    const path = join(layout.leases, name);
    const complaint = complaintOf(run, path);
    if (complaint === undefined) continue;
    const finding = {
      kind: 'lease',
      name: relative(layout.root, path),
      wanted: 'the head of a lease',
      ...complaint,
    } as const;
    if (!options.repair) {
      tell({ ...finding, done: 'none' });
      continue;
    }
    await parts.prepare();
    await withLock(files, layout.gate, async () => {
      const seen = files.stat(path);
      // Only who has the gate writes leases: one that was just begun is whole now.
      if (seen === undefined || complaintOf(run, path) === undefined) return;
      const moved = await quarantineAtGate(parts, path, seen);
      tell({
        ...finding,
        done: moved === undefined ? 'none' : 'quarantined',
        ...(moved !== undefined && { quarantined: [moved] }),
      });
    });
  }
  for (const lease of await readLeases(files, layout)) {
    const path = join(layout.leases, `${lease.id}.lease`);
    if (!lease.alive) note(run, path, 'a lease that has ended', 'leases of the living');
    else if (lease.owner === undefined) {
      // Who holds something before it is there is alive; what has no owner held what was there.
      const isThere = (digest: Digest) =>
        files.stat(layout.blob(digest)) !== undefined ||
        files.stat(layout.layer(parseDiffID(digest)).index) !== undefined;
      const gone = lease.holds.filter((digest) => !isThere(digest));
      for (const digest of gone) note(run, path, `a hold on ${digest}, which is not there`, 'it');
    }
  }
}

type Complaint = Pick<Finding, 'found' | 'severity'>;

function complaintOf({ parts: { files } }: Run, path: string): Complaint | undefined {
  const bytes = files.readWhole(path);
  if (bytes === undefined) return undefined;
  const text = Buffer.from(bytes).toString('utf8');
  if (parseLeaseFile(text) !== undefined) return undefined;
  // A loss of power cuts files short, or leaves zeros in them; who wrote this one ended with it.
  const isTorn = !text.includes('\n') || text.includes('\0');
  if (isTorn) return { found: 'a head that was cut short', severity: 'note' };
  return { found: `${bytes.length} bytes that are no lease`, severity: 'fault' };
}
