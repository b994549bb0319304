import type { Store } from '../store/index.ts';
import { type BuildWishes, buildInputs } from './build-key.ts';
import type { BuildRecord, BuildRecords } from './build-records.ts';
import { errorCodeOf } from './error.ts';

/** How something is made, and how what was made before is found again. */
export interface Making<T> {
  /** What a record tells of, if it is still there as it was made. */
  reuse(record: BuildRecord, key: string): Promise<T | undefined>;
  /** Refuses what can be told before anything is fetched. */
  refuse(): Promise<void>;
  /** `wishes` as given, but that a registry was asked already. */
  build(wishes: BuildWishes): Promise<Made<T>>;
}

export interface Made<T> {
  readonly result: T;
  /** Undefined where it could not be told later from something else. */
  readonly record: BuildRecord | undefined;
}

/**
 * Makes something of an image, unless it was made before of the same inputs: then nothing that is in the image is
 * read. It is recorded only where its inputs are the same before and after. What fails is not recorded, and fails
 * each time. Without `records`, everything is made.
 * @throws what `making` throws; the codes of `obtain`; StoreError.
 */
export async function builtOnce<T extends object>(
  store: Store,
  wishes: BuildWishes,
  records: BuildRecords | undefined,
  making: Making<T>,
): Promise<T> {
  if (records === undefined) {
    await making.refuse();
    return (await making.build(wishes)).result;
  }
  const lookUp = async (wishes: BuildWishes) => {
    const key = await keyOf(store, wishes, records);
    const record = key === undefined ? undefined : records.find(key);
    return { key, found: key && record && (await making.reuse(record, key)) };
  };
  const early = await lookUp(wishes);
  if (early.found) return early.found;
  await making.refuse();
  const brought = early.key === undefined ? await bringImages(store, wishes) : wishes;
  const { key, found } = early.key === undefined ? await lookUp(brought) : early;
  if (found) return found;
  const { result, record } = await making.build(brought);
  if (key !== undefined && record !== undefined && key === (await keyOf(store, brought, records))) {
    await records.keep(key, record);
  }
  return result;
}

/** Undefined for what cannot be built, too: the build says why. */
async function keyOf(
  store: Store,
  wishes: BuildWishes,
  records: BuildRecords,
): Promise<string | undefined> {
  try {
    const inputs = await buildInputs(store, wishes);
    return inputs === undefined ? undefined : records.keyOf(inputs);
  } catch (error) {
    if (errorCodeOf(error) === undefined) throw error;
    return undefined;
  }
}

/** Brings all images in, by the pull policy, so that the store knows what their names mean. */
async function bringImages(store: Store, wishes: BuildWishes): Promise<BuildWishes> {
  const { withHealing } = await import('./pull/heal.ts');
  const { obtain } = await import('./pull/pull.ts');
  const { parseRuntimeChoice } = await import('./runtimes/choice.ts');
  const { reference, copyFrom = [], runtime = 'auto' } = wishes;
  await withHealing(store, wishes, async () => {
    await obtain(store, reference, wishes);
    for (const { reference } of copyFrom) await obtain(store, reference, wishes);
    const choice = await parseRuntimeChoice(store, runtime);
    if (choice.kind === 'reference') await obtain(store, choice.text, wishes);
  });
  return { ...wishes, ...(wishes.pull === 'always' && { pull: 'missing' as const }) };
}
