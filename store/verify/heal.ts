import { type DiffID, type Digest, parseDiffID } from '../digest.ts';
import { StoreError, type StoreErrorCode } from '../error.ts';
import { withDraft } from '../files/draft.ts';
import { survey } from '../graph/survey.ts';
import type { Layers } from '../layers/contract.ts';
import { shareAsBlob } from '../layers/share.ts';
import { readLeases } from '../leases/leases.ts';
import { once } from '../leases/once.ts';
import { readIndex } from '../names/refs.ts';
import type { StoreParts } from '../parts.ts';
import {
  checkBlob,
  checkLayer,
  type DamagedFile,
  type Flaw,
  type LayerFlaw,
  type Pass,
} from './check.ts';
import { linksIfSound } from './listing.ts';
import { quarantine } from './quarantine.ts';

/** What became of something damaged or missing. */
export interface Mended {
  /** `none`: it is as it was, sound or not. */
  readonly done: 'none' | 'quarantined' | 'restored' | 'rebuilt';
  readonly sound: boolean;
  /** Where the damaged files are now, from the root of the store on. */
  readonly quarantined: readonly string[];
}

/** See `Blobs.heal`. */
export async function healBlob(
  parts: StoreParts,
  digest: Digest,
  pass: Pass = {},
): Promise<boolean> {
  const flaw = await checkBlob(parts, digest, pass);
  return flaw === undefined || (await mendBlob(parts, digest, flaw, pass)).sound;
}

/** See `Layers.heal`. */
export async function healLayer(
  parts: StoreParts,
  layers: Layers,
  diffID: DiffID,
  pass: Pass = {},
): Promise<boolean> {
  const flaw = await checkLayer(parts, diffID, pass);
  if (flaw === undefined) return true;
  const sources = {
    blobs: await blobsOfLayer(parts, diffID),
    heal: (digest: Digest) => healBlob(parts, digest, pass),
  };
  return (await mendLayer(parts, layers, diffID, flaw, sources, pass)).sound;
}

/**
 * Moves a damaged blob away and gives it back from the unpacked layer of the same digest, where
 * there is a sound one.
 */
export async function mendBlob(
  parts: StoreParts,
  digest: Digest,
  flaw: Flaw,
  pass: Pass,
): Promise<Mended> {
  const { files, layout, prepare, hold } = parts;
  const quarantined: string[] = [];
  await hold([digest]);
  if (flaw.damaged.length > 0) {
    // Before it was held it may have been removed, and a sound one come with the same inode.
    const held = await checkBlob(parts, digest, pass);
    if (held === undefined) return { done: 'none', sound: true, quarantined };
    await alone(parts, 'blob', digest, pass, () => moveAway(parts, held.damaged, quarantined));
  }
  if (files.stat(layout.blob(digest)) !== undefined) {
    const sound = (await checkBlob(parts, digest, pass)) === undefined;
    return { done: 'none', sound, quarantined };
  }
  const diffID = parseDiffID(digest);
  if (await hasSoundTar(parts, diffID, pass)) {
    await prepare();
    await shareAsBlob(parts, diffID);
    return { done: 'restored', sound: true, quarantined };
  }
  return { done: quarantined.length > 0 ? 'quarantined' : 'none', sound: false, quarantined };
}

/** What a layer can be unpacked from. */
export interface LayerSources {
  readonly blobs: Iterable<Digest>;
  /** Makes a blob sound, where it can; tells whether it is. */
  readonly heal: (blob: Digest) => Promise<boolean>;
}

/**
 * Writes the index of a sound tar anew; a damaged tar is moved away, its index first, and unpacked
 * anew from the first of its blobs that is sound, or from a blob of its own digest.
 */
export async function mendLayer(
  parts: StoreParts,
  layers: Layers,
  diffID: DiffID,
  flaw: LayerFlaw,
  sources: LayerSources,
  pass: Pass,
): Promise<Mended> {
  const { files, layout } = parts;
  const paths = layout.layer(diffID);
  const quarantined: string[] = [];
  await parts.hold([diffID]);
  // Before it was held, the whole layer may have been removed.
  const index = files.stat(paths.tar) === undefined ? undefined : flaw.index;
  let done: Mended['done'] = 'none';
  const mend = async (): Promise<void> => {
    await moveAway(parts, flaw.damaged, quarantined);
    // Whoever was unpacking it may have come to its index meanwhile.
    if (index !== undefined && files.stat(paths.index) === undefined) {
      await withDraft(files, layout.ingest, async (draft) => {
        for (const piece of index.pieces) draft.write(piece);
        await draft.commit(paths.index);
      });
      done = 'rebuilt';
    }
  };
  const isThere = flaw.damaged.length > 0 || index !== undefined;
  if (isThere) await alone(parts, 'layer', diffID, pass, mend);
  if (index !== undefined) return { done, sound: true, quarantined };
  const isBlob = files.stat(layout.blob(diffID)) !== undefined;
  for (const blob of new Set([...sources.blobs, ...(isBlob ? [diffID] : [])])) {
    if ((await sources.heal(blob)) && (await unpacks(layers, blob, diffID, pass))) {
      return { done: 'rebuilt', sound: true, quarantined };
    }
  }
  return { done: quarantined.length > 0 ? 'quarantined' : 'none', sound: false, quarantined };
}

/** Does `work` while no process brings in that blob or unpacks that layer. */
async function alone(
  { files, layout, prepare }: StoreParts,
  kind: 'blob' | 'layer',
  digest: Digest,
  { signal = new AbortController().signal }: Pass,
  work: () => Promise<void>,
): Promise<void> {
  const lease = layout.lease(kind, digest);
  await prepare();
  await once(work, { files, lease, isDone: () => false, signal });
}

/** Adds to `moved` where they are then. */
async function moveAway(
  parts: StoreParts,
  damaged: readonly DamagedFile[],
  moved: string[],
): Promise<void> {
  for (const { path, seen } of damaged) {
    const to = await quarantine(parts, path, seen);
    if (to !== undefined) moved.push(to);
  }
}

/** The blobs that images have the layer as: of those that are named, and of those in use. */
async function blobsOfLayer(parts: StoreParts, diffID: DiffID): Promise<Iterable<Digest>> {
  const { files, layout } = parts;
  const manifests = (await readIndex(files, layout))?.manifests ?? [];
  const leases = await readLeases(files, layout);
  const roots = [
    ...manifests.map(({ digest }) => ({ digest, name: '' })),
    ...leases.flatMap(({ holds }) => holds.map((digest) => ({ digest, name: '' }))),
  ];
  const read = async (digest: Digest) => linksIfSound(parts, digest);
  return (await survey(roots, read)).blobsOf.get(diffID) ?? [];
}

/** Its index may be damaged or missing all the same. */
async function hasSoundTar(parts: StoreParts, diffID: DiffID, pass: Pass): Promise<boolean> {
  if (parts.files.stat(parts.layout.layer(diffID).tar) === undefined) return false;
  const flaw = await checkLayer(parts, diffID, pass);
  return flaw === undefined || flaw.index !== undefined;
}

/** What a blob that is no such layer is found to be, or one that was harmed or removed meanwhile. */
const noLayer: readonly StoreErrorCode[] = [
  'LAYER_CORRUPT',
  'LAYER_LIMIT',
  'DIGEST_MISMATCH',
  'STORE_CORRUPT',
  'BLOB_MISSING',
];

/** False for `noLayer`. */
async function unpacks(
  layers: Layers,
  blob: Digest,
  diffID: DiffID,
  { signal }: Pass,
): Promise<boolean> {
  try {
    await layers.ingest(blob, diffID, signal === undefined ? {} : { signal });
    return true;
  } catch (error) {
    if (error instanceof StoreError && noLayer.includes(error.code)) return false;
    throw error;
  }
}
