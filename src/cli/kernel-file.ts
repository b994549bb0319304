import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { ConvertError } from '../error.ts';
import type { KernelSourceFile } from '../osv/kernels.ts';
import { unreadHint, unreadReason } from '../unread-file.ts';

/** @throws ConvertError `USAGE` for a file that cannot be read. */
export async function readKernelFile(path: string): Promise<KernelSourceFile> {
  try {
    return { name: basename(path), bytes: await readFile(path) };
  } catch (cause) {
    const hint = unreadHint(path, cause);
    throw new ConvertError(
      'USAGE',
      `reading ${path}: found ${unreadReason(cause)}, wanted loader.img or an ELF of a kernel`,
      { cause, ...(hint && { hint }) },
    );
  }
}
