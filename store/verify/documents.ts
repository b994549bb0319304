import type { Digest } from '../digest.ts';
import { documentCap, type Link } from '../graph/graph.ts';
import { survey } from '../graph/survey.ts';
import { linksIfSound } from './listing.ts';
import { ensureBlob } from './mend.ts';
import type { Run } from './run.ts';

/**
 * The manifests, indexes and configs behind the names: they tell what else there has to be, and are
 * read whole whatever is asked for. One that is mended may lead to others, so they are gone through
 * until nothing more can be mended.
 */
export async function verifyDocuments(run: Run): Promise<void> {
  const { parts, checked, verdicts, pass } = run;
  const { files, layout } = parts;
  const sound = new Map<Digest, readonly Link[]>();
  const sizeOf = (digest: Digest) => files.stat(layout.blob(digest))?.size;
  const bad = new Set<Digest>();
  const read = async (digest: Digest): Promise<readonly Link[] | undefined> => {
    await run.next();
    const known = sound.get(digest);
    if (known !== undefined) return known;
    const size = sizeOf(digest);
    const links = linksIfSound(parts, digest);
    if (links === undefined) {
      bad.add(digest);
      return undefined;
    }
    sound.set(digest, links);
    if (size !== undefined && size <= documentCap) {
      verdicts.set(digest, true);
      checked.documents += 1;
      pass.onRead?.(size);
    }
    return links;
  };

  const roots = run.names.map(({ name, descriptor: { digest, size } }) => ({ name, digest, size }));
  for (let isMended = true; isMended; ) {
    isMended = false;
    bad.clear();
    run.survey = await survey(roots, read);
    for (const digest of bad) {
      if (verdicts.has(digest)) continue;
      // An index may list platforms that were never pulled.
      const isWanted = sizeOf(digest) !== undefined || run.survey.wanted.get(digest)?.needed;
      if (isWanted && (await ensureBlob(run, digest))) isMended = true;
    }
  }
}
