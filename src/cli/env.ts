import { InvalidArgumentError } from 'commander';
import { ConvertError } from '../error.ts';
import type { Variables } from '../oci/execution.ts';

/** Gathers the values of an option that may be given several times. */
export function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}

/** As `collect`, of names of variables: what is none would be taken away in vain. */
export function collectNames(name: string, previous?: readonly string[]): readonly string[] {
  if (problemOfName(name) !== undefined || name.includes('=')) {
    throw new InvalidArgumentError('wanted the name of a variable');
  }
  return collect(name, previous);
}

/**
 * Reads the words of `--env` as docker does; the last of a name wins. `NAME` alone takes the value it has
 * in `hostEnv`, and takes the variable away where it has none there. No word is quoted: it may be a secret.
 * @throws ConvertError `USAGE`.
 */
export function parseEnv(
  words: readonly string[] = [],
  hostEnv: NodeJS.ProcessEnv = {},
): Variables {
  return new Map(
    words.map((word, at) => {
      const equals = word.indexOf('=');
      const name = equals === -1 ? word : word.slice(0, equals);
      const problem = problemOfName(name);
      if (problem !== undefined) {
        const which = words.length > 1 ? ` (number ${at + 1})` : '';
        throw new ConvertError(
          'USAGE',
          `reading --env${which}: found ${problem}, wanted NAME=VALUE or NAME`,
        );
      }
      return [name, equals === -1 ? hostEnv[name] : word.slice(equals + 1)] as const;
    }),
  );
}

/** Why `name` is none of a variable (docker, `opts.ValidateEnv` and its env files), or undefined. */
export function problemOfName(name: string): string | undefined {
  if (name === '') return 'no name';
  if (/\s/.test(name)) return 'blanks in a name';
  return name.includes('\0') ? 'a NUL in a name' : undefined;
}
