import type { DiffID, Digest } from '../digest.ts';
import { checkLayer, checkLayerQuickly, type LayerFlaw } from './check.ts';
import { mendLayer } from './heal.ts';
import { listLayers } from './listing.ts';
import { ensureBlob } from './mend.ts';
import type { Run } from './run.ts';

/**
 * Every unpacked layer there is. Quick: its index has the right digest, its tar the right size;
 * full: the tar is read, and must be the layer that the index describes, file by file.
 */
export async function verifyLayers(run: Run): Promise<void> {
  const { parts, options, checked, pass } = run;
  const { files, layout } = parts;
  for (const diffID of listLayers(files, layout)) {
    await run.next();
    const paths = layout.layer(diffID);
    const tar = files.stat(paths.tar);
    const isComplete = files.stat(paths.index) !== undefined;
    if (tar === undefined && !isComplete) continue;
    if (!isComplete && !options.repair) {
      tellUnfinished(run, diffID);
      continue;
    }
    checked.layers += 1;
    const complaint = options.full ? undefined : checkLayerQuickly(parts, diffID);
    let flaw: LayerFlaw | undefined = complaint && { ...complaint, damaged: [] };
    // What is to be moved has to be known by its bytes.
    if (options.full || (options.repair && flaw !== undefined)) {
      flaw = await checkLayer(parts, diffID, pass);
      if (flaw === undefined && tar !== undefined) run.soundTars.add(tar.inode);
    }
    const isGone = files.stat(isComplete ? paths.index : paths.tar) === undefined;
    // It may have been removed while it was read: the index first.
    if (flaw !== undefined && isGone) continue;
    if (flaw === undefined || (await settle(run, diffID, flaw, isComplete)))
      run.unpacked.add(diffID);
  }
}

/** Unpacking it was cut short, or is under way. */
function tellUnfinished({ tell }: Run, diffID: DiffID): void {
  tell({
    kind: 'layer',
    name: diffID,
    found: 'a tar without an index',
    wanted: 'both or none',
    severity: 'note',
    done: 'none',
  });
}

/** Tells of a flaw, and mends it if asked to. True when the layer is sound then. */
async function settle(
  run: Run,
  diffID: DiffID,
  flaw: LayerFlaw,
  isComplete: boolean,
): Promise<boolean> {
  const { parts, layers, options, pass, survey, tell } = run;
  const blobs = [...(survey.blobsOf.get(diffID) ?? [])];
  const names = blobs.flatMap((blob) => [...(survey.wanted.get(blob)?.names ?? [])]);
  const finding = {
    kind: 'layer',
    name: diffID,
    found: flaw.found,
    wanted: flaw.wanted,
    // Without its index it is what a death while unpacking leaves.
    severity: isComplete ? 'fault' : 'note',
    ...(names.length > 0 && { names: [...new Set(names)].sort() }),
  } as const;
  if (!options.repair) {
    tell({ ...finding, done: 'none' });
    return false;
  }
  // Where its blob is lost, too, that is told of the blob.
  const sources = { blobs, heal: (blob: Digest) => ensureBlob(run, blob) };
  const mended = await mendLayer(parts, layers, diffID, flaw, sources, pass);
  const { done, quarantined, sound } = mended;
  // Another process wrote what was missing meanwhile.
  if (sound && done === 'none') return true;
  tell({ ...finding, done, ...(quarantined.length > 0 && { quarantined }) });
  return sound;
}
