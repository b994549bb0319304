import type { Digest } from '../digest.ts';
import { StoreError } from '../error.ts';
import { checkBlob, type Flaw } from './check.ts';
import { mendBlob } from './heal.ts';
import type { Run } from './run.ts';
import type { Finding } from './verify.ts';

/**
 * Whether the blob is there and sound: told once, with what was done about it. It is given back from
 * an unpacked layer, or fetched anew, where repair is asked for.
 */
export async function ensureBlob(run: Run, digest: Digest): Promise<boolean> {
  const known = run.verdicts.get(digest);
  if (known !== undefined) return known;
  const flaw = await checkBlob(run.parts, digest, run.pass);
  const sound = flaw === undefined || (await settle(run, digest, flaw));
  run.verdicts.set(digest, sound);
  return sound;
}

/** Tells of a flaw, and mends it if asked to. True when the blob is sound then. */
async function settle(run: Run, digest: Digest, flaw: Flaw): Promise<boolean> {
  const { parts, options, pass, survey, tell } = run;
  const names = [...(survey.wanted.get(digest)?.names ?? [])].sort();
  if (flaw.damaged.length === 0 && !(await isMissed(run, digest))) return false;
  const finding = {
    kind: 'blob',
    name: digest,
    wanted: flaw.wanted,
    ...(names.length > 0 && { names }),
  } as const;
  const remark = isUsable(run, digest) ? '; the image can be used, for its layer is unpacked' : '';
  if (!options.repair) {
    const severity = severityOf(run, digest, flaw, 'fault');
    tell({ ...finding, found: `${flaw.found}${remark}`, severity, done: 'none' });
    return false;
  }
  const mended = await mendBlob(parts, digest, flaw, pass);
  // A sound one came in its place meanwhile.
  if (mended.sound && mended.done === 'none') return true;
  const fetched = mended.sound ? undefined : await refetch(run, digest, names);
  const sound = mended.sound || fetched === 'refetched';
  const reason = fetched === 'refetched' || fetched === undefined ? '' : `; ${fetched}`;
  tell({
    ...finding,
    found: `${flaw.found}${sound ? '' : `${reason}${remark}`}`,
    severity: sound ? 'fault' : severityOf(run, digest, flaw, 'loss'),
    done: fetched === 'refetched' ? fetched : mended.done,
    ...(mended.quarantined.length > 0 && { quarantined: mended.quarantined }),
  });
  return sound;
}

/** False for what is gone because its name, or whatever led to it, was removed meanwhile. */
async function isMissed({ stillNamed, survey }: Run, digest: Digest): Promise<boolean> {
  const want = survey.wanted.get(digest);
  if (!want?.needed) return false;
  const names = await stillNamed();
  return [...want.names].some((name) => names.has(name));
}

/** What is wrong with a blob that no name needs, or not so long as its layer is unpacked, is no loss. */
function severityOf(
  run: Run,
  digest: Digest,
  { damaged }: Flaw,
  severity: 'fault' | 'loss',
): Finding['severity'] {
  if (isUsable(run, digest)) return damaged.length > 0 ? 'fault' : 'note';
  return run.survey.wanted.has(digest) ? severity : 'fault';
}

/** A build reads the layer; its blob is for copying the image elsewhere. */
function isUsable({ survey, unpacked }: Run, digest: Digest): boolean {
  return [...(survey.layersOf.get(digest) ?? [])].some((diffID) => unpacked.has(diffID));
}

const unwritable = ['STORE_FULL', 'STORE_UNUSABLE'];

/** `refetched`, or why not; undefined where nobody is asked. */
async function refetch(
  { parts, options, pass, survey, givenUp }: Run,
  digest: Digest,
  names: readonly string[],
): Promise<string | undefined> {
  const want = survey.wanted.get(digest);
  if (want === undefined || options.refetch === undefined) return undefined;
  const { size } = want;
  try {
    const came = await options.refetch({ digest, names, ...(size !== undefined && { size }) });
    if (came && (await checkBlob(parts, digest, pass)) === undefined) return 'refetched';
  } catch (error) {
    options.signal?.throwIfAborted();
    // Of a store that cannot be written there is more to tell than that of one blob.
    if (error instanceof StoreError && unwritable.includes(error.code)) throw error;
    return `fetching it anew failed: ${error instanceof Error ? error.message : String(error)}`;
  }
  givenUp.add(digest);
  return 'none of its names leads to it any more';
}
