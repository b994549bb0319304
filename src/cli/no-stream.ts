import { ConvertError } from '../error.ts';

/**
 * Refuses `-` where a file is wanted: it stands for stdin or stdout elsewhere, so a file of that name is
 * hardly what is meant.
 * @param hint the next command to type.
 * @throws ConvertError `USAGE`.
 */
export function refuseStream(
  action: string,
  file: string,
  stream: 'stdin' | 'stdout',
  hint: string,
): void {
  if (file !== '-') return;
  throw new ConvertError('USAGE', `${action}: found - for ${stream}, wanted a file`, { hint });
}
