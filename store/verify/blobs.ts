import { listBlobs } from './listing.ts';
import { ensureBlob } from './mend.ts';
import type { Run } from './run.ts';

/**
 * Every blob there is. Quick: one whose size is not what refers to it says is read; full: all are,
 * but for those that were read before, as documents or as the tar of a layer.
 */
export async function verifyBlobs(run: Run): Promise<void> {
  const { parts, options, checked, survey, verdicts, tell } = run;
  const { files, layout } = parts;
  for (const digest of listBlobs(files, layout)) {
    await run.next();
    const found = files.stat(layout.blob(digest));
    if (found === undefined) continue;
    checked.blobs += 1;
    if (run.soundTars.has(found.inode)) verdicts.set(digest, true);
    const size = survey.wanted.get(digest)?.size ?? found.size;
    if (size === found.size && !options.full) continue;
    const isSound = await ensureBlob(run, digest);
    const { size: now = size } = files.stat(layout.blob(digest)) ?? {};
    if (!isSound || size === now) continue;
    tell({
      kind: 'blob',
      name: digest,
      found: `${now} bytes, and they are the right ones`,
      wanted: `${size}, as what refers to it says`,
      severity: 'note',
      done: 'none',
    });
  }
}
