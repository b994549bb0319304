import { ConvertError } from '../error.ts';
import { parseTime } from './find-options.ts';

/** `--mtime`: as `find` takes times, or seconds since 1970 alone. */
export function parseMtime(text: string): number {
  return /^-?\d{1,15}$/.test(text) ? Number(text) : parseTime(text);
}

/**
 * `SOURCE_DATE_EPOCH`: no time may be after it (reproducible-builds.org, "SOURCE_DATE_EPOCH
 * specification": whole seconds since 1970 in decimal digits; what is malformed ends the build).
 * @throws ConvertError `USAGE`.
 */
export function sourceDateEpoch(env: NodeJS.ProcessEnv): number | undefined {
  const text = env['SOURCE_DATE_EPOCH'];
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new ConvertError(
    'USAGE',
    `reading SOURCE_DATE_EPOCH: found ${JSON.stringify(text)}, wanted seconds since 1970`,
    { hint: 'export SOURCE_DATE_EPOCH=$(git log -1 --pretty=%ct)' },
  );
}
