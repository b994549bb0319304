import { matchesAny, type Store } from '../../store/index.ts';
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
