import { ConvertError } from '../error.ts';

/** Gathers the values of an option that may be given several times. */
export function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}

/** Reads `NAME=VALUE` words; the last of a name wins. @throws ConvertError `USAGE`. */
export function parseEnv(words: readonly string[] = []): ReadonlyMap<string, string> {
  return new Map(
    words.map((word) => {
      const equals = word.indexOf('=');
      if (equals < 1) {
        const name = equals === -1 ? word.slice(0, 80) : '';
        throw new ConvertError(
          'USAGE',
          `reading --env: found ${JSON.stringify(name)}, wanted NAME=VALUE`,
        );
      }
      return [word.slice(0, equals), word.slice(equals + 1)] as const;
    }),
  );
}
