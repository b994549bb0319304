import { type Digest, parseDiffID, type Store, StoreError } from '../../store/index.ts';
import { keptRuntimeOfRef } from '../dotnet/kept-refs.ts';
import { ConvertError, errorCodeOf } from '../error.ts';
import { kernelOfRef } from '../osv/kernel-refs.ts';
import type { OpenImageOptions } from './open-image.ts';
import type { PullOptions } from './pull.ts';
import { namesLeadingTo, refetch } from './refetch.ts';

export type HealOptions = OpenImageOptions & Pick<PullOptions, 'pull' | 'offline'>;

/** Damage that was met in the store, and not mended. */
interface Loss {
  readonly digest: Digest;
  readonly error: StoreError;
}

/**
 * Does `work`. Where it meets damage in the store, that is mended, from what else the store has or,
 * where the pull policy allows, from the registry it came from; then the work is done once more. A
 * warning tells of each.
 * @throws what `work` throws; the StoreError that tells of the damage where nothing helped.
 */
export async function withHealing<T>(
  store: Store,
  options: HealOptions,
  work: () => Promise<T>,
): Promise<T> {
  const met = new Set<Digest>();
  const losses: Loss[] = [];
  for (;;) {
    try {
      const result = await work();
      tellLosses(losses, options);
      return result;
    } catch (error) {
      options.signal?.throwIfAborted();
      const damage = damageOf(error);
      if (damage === undefined || met.has(damage.digest)) {
        const behind = await lossBehind(store, losses, error);
        tellLosses(
          losses.filter(({ digest }) => digest !== behind?.digest),
          options,
        );
        throw behind ?? error;
      }
      met.add(damage.digest);
      if (!(await mend(store, damage, options))) losses.push(damage);
    }
  }
}

/** The damage in the store that made the work fail; bytes that came wrong from elsewhere are none. */
function damageOf(error: unknown): Loss | undefined {
  if (!(error instanceof StoreError) || error.digest === undefined) return undefined;
  const { code, digest } = error;
  return code === 'STORE_CORRUPT' || code === 'BLOB_MISSING' ? { digest, error } : undefined;
}

/** Of damage that no error tells: the work did without, or brought it in anew itself. */
function tellLosses(losses: readonly Loss[], { onEvent }: HealOptions): void {
  for (const { error } of losses) {
    if (error.code === 'BLOB_MISSING') continue;
    onEvent?.({ event: 'warning', text: `${error.message}; took it out of the store` });
  }
}

/** True when it is sound now. What is not is out of the way, and may come anew by the work itself. */
async function mend(store: Store, damage: Loss, options: HealOptions): Promise<boolean> {
  const { digest, error } = damage;
  const tell = (text: string) => options.onEvent?.({ event: 'warning', text });
  try {
    if (await mendInStore(store, damage, options)) {
      tell(`${error.message}; mended it from what the store has`);
      return true;
    }
    if (!(await fetchAnew(store, digest, options))) return false;
    tell(`${error.message}; fetched it anew`);
    return true;
  } catch (cause) {
    options.signal?.throwIfAborted();
    // Of a store that cannot be written, say, the damage is still what there is to tell.
    if (cause instanceof StoreError) throw error;
    if (!(cause instanceof ConvertError)) throw cause;
    tell(`${cause.message}; could not fetch ${digest} anew`);
    return false;
  }
}

async function mendInStore(
  store: Store,
  { digest, error }: Loss,
  { signal }: HealOptions,
): Promise<boolean> {
  const call = signal === undefined ? {} : { signal };
  const diffID = parseDiffID(digest);
  // What cannot be read may be a blob, or an unpacked layer, or, of the same digest, both.
  const isLayer = error.code === 'STORE_CORRUPT' && (await store.layers.has(diffID));
  if (isLayer && !(await store.layers.heal(diffID, call))) return false;
  if (isLayer && (await store.blobs.size(digest)) === undefined) return true;
  return await store.blobs.heal(digest, call);
}

async function fetchAnew(
  store: Store,
  digest: Digest,
  { pull, offline, ...reach }: HealOptions,
): Promise<boolean> {
  if (pull === 'never' || offline) return false;
  return await refetch(store, { digest, names: await namesLeadingTo(store, digest) }, reach);
}

/** Why the work failed in the end, where what was lost is missing still. */
async function lossBehind(
  store: Store,
  losses: readonly Loss[],
  end: unknown,
): Promise<StoreError | undefined> {
  for (const { digest, error } of losses) {
    if ((await store.blobs.size(digest)) !== undefined) continue;
    if (await store.layers.has(parseDiffID(digest))) continue;
    const told = end instanceof ConvertError ? end.hint : undefined;
    const hint = told ?? hintFor(await namesLeadingTo(store, digest)) ?? error.hint;
    return new StoreError(error.code, `${error.message}${whyLost(digest, end)}`, {
      digest,
      cause: end,
      ...(hint !== undefined && { hint }),
    });
  }
  return undefined;
}

/** Why it could not be mended, without the digest once more where that is all there is to tell. */
function whyLost(digest: Digest, end: unknown): string {
  if (errorCodeOf(end) === 'OFFLINE') return '; it may not be pulled';
  const isSame = end instanceof StoreError && end.digest === digest;
  return isSame || !(end instanceof Error) ? '' : `; mending it: ${end.message}`;
}

/** How what has one of these names is brought in again. */
function hintFor(names: readonly string[]): string | undefined {
  const kernel = names.map(kernelOfRef).find((name) => name !== undefined);
  if (kernel !== undefined) {
    return `osv-convert kernel rm ${kernel}\nosv-convert kernel add --name ${kernel} loader.img loader-stripped.elf`;
  }
  const runtime = names.find((name) => keptRuntimeOfRef(name) !== undefined);
  if (runtime !== undefined) {
    return `osv-convert runtime rm ${runtime}\nand then, with FROM as it was: osv-convert runtime add --name ${runtime} FROM`;
  }
  return names[0] === undefined ? undefined : `osv-convert pull ${names[0]}`;
}
