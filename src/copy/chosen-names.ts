import { matchesAny, type Store, StoreError } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { fullNameOf } from '../oci/location.ts';

/**
 * The patterns that `texts` stand for, `*` for any characters: each as it stands, and the full name
 * that it is short for.
 */
export function namePatterns(texts: readonly string[]): readonly string[] {
  return texts.flatMap((text) => {
    const full = fullNameOf(text) ?? fullNameOf(`${text}:latest`);
    return full === undefined ? [text] : [text, full];
  });
}

/**
 * All names in the store that `texts` stand for, kernels and other artifacts among them.
 * @throws ConvertError `IMAGE_NOT_FOUND` for a text that no name fits.
 */
export async function chooseNames(
  store: Store,
  texts: readonly string[],
): Promise<readonly string[]> {
  const all = [...new Set((await store.refs.list()).map(({ name }) => name))];
  for (const text of texts) {
    const patterns = namePatterns([text]);
    if (all.some((name) => matchesAny(name, patterns))) continue;
    throw new ConvertError(
      'IMAGE_NOT_FOUND',
      `looking for ${JSON.stringify(text.slice(0, 120))} in the store: found none of its ${all.length} names like that, wanted one`,
      { hint: 'osv-convert store ls' },
    );
  }
  const patterns = namePatterns(texts);
  return all.filter((name) => matchesAny(name, patterns));
}

/**
 * Does `work` with all names that `texts` stand for. Where one of them is taken away before the work
 * begins with it, which the store tells, the names are chosen once more: what is no longer there is not
 * meant by a `*`.
 * @throws what `work` throws; ConvertError `IMAGE_NOT_FOUND` for a text that no name fits.
 */
export async function withChosenNames<T>(
  store: Store,
  texts: readonly string[],
  work: (names: readonly string[]) => Promise<T>,
): Promise<T> {
  for (;;) {
    const names = await chooseNames(store, texts);
    try {
      return await work(names);
    } catch (error) {
      if (!(await lacksNames(store, names, error))) throw error;
    }
  }
}

async function lacksNames(store: Store, names: readonly string[], error: unknown) {
  // Of a blob that is missing, the digest is told.
  if (!(error instanceof StoreError) || error.code !== 'BLOB_MISSING') return false;
  if (error.digest !== undefined) return false;
  const left = new Set((await store.refs.list()).map(({ name }) => name));
  return names.some((name) => !left.has(name));
}
