import { lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { codeOf, unusable } from './output-error.ts';

/**
 * Where a file that is written to `path` goes: to where a link leads, be it to nothing yet.
 * @throws ConvertError `OUTPUT_UNUSABLE` where something lies that is no file; what the system says.
 */
export function targetOf(path: string): string {
  if (path === '') throw unusable('an output without a name', 'nothing');
  const target = join(realpathSync(dirname(resolve(path))), basename(resolve(path)));
  const existing = lstatSync(target, { throwIfNoEntry: false });
  if (existing?.isSymbolicLink()) return targetOf(followed(target));
  if (existing && !existing.isFile()) {
    throw unusable(path, existing.isDirectory() ? 'a folder' : 'a device, pipe or socket');
  }
  return target;
}

function followed(link: string): string {
  try {
    return realpathSync(link);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return resolve(dirname(link), readlinkSync(link));
  }
}
