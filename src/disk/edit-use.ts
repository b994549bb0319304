import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';
import { lockHolder } from './file-lock.ts';

/**
 * Refuses a disk that another program has locked, as QEMU locks every disk of a running machine, where
 * `lockHolder` tells. It is a courtesy: an edited disk takes the place of the old one, which a machine that runs
 * keeps until its end.
 * @throws ConvertError `OUTPUT_UNUSABLE`.
 */
export function refuseInUse(path: string, locks = '/proc/locks'): void {
  const holder = lockHolder(path, locks);
  if (holder === undefined) return;
  throw new ConvertError(
    'OUTPUT_UNUSABLE',
    `editing ${JSON.stringify(path)}: found it locked by ${holder}, wanted a disk that no machine uses`,
    { hint: `end the machine first (fuser ${shellWord(path)} names its process)` },
  );
}
