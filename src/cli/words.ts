import { ConvertError } from '../error.ts';

/**
 * Words of a command line as `--entrypoint` and `--cmd` take them: one word, or a JSON array of words
 * where the value begins with a bracket. The empty value stands for no words.
 * @throws ConvertError `USAGE`.
 */
export function parseWords(option: string, value: string): readonly string[] {
  if (value === '') return [];
  const words = value.startsWith('[') ? parseArray(option, value) : [value];
  if (words.some((word) => word.includes('\0'))) {
    throw refusal(option, 'found a NUL in a word, wanted text');
  }
  return words;
}

function parseArray(option: string, value: string): readonly string[] {
  let array: unknown;
  try {
    array = JSON.parse(value);
  } catch {
    // Words may hold passwords: what JSON.parse says quotes them.
    throw refusal(option, 'found a bracket at the start and no JSON behind it, wanted an array');
  }
  const words: readonly unknown[] = Array.isArray(array) ? array : [];
  return words.map((word, at) => {
    if (typeof word === 'string') return word;
    const found = word === null ? 'null' : Array.isArray(word) ? 'an array' : `a ${typeof word}`;
    throw refusal(option, `found ${found} as word ${at + 1}, wanted a string`);
  });
}

function refusal(option: string, problem: string): ConvertError {
  return new ConvertError('USAGE', `reading ${option}: ${problem}`, {
    hint: `${option} '["dotnet", "/app/NAME.dll"]'\na word that begins with a bracket: ${option} '["[word"]'`,
  });
}
