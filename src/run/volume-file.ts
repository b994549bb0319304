import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { link, open, rm, truncate } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';
import { findSystemProgram, runTool } from './system-program.ts';
import { makeWorkFolder } from './work-folder.ts';

/** What OSv's driver knows and uses of ext4; it writes no journal (lwext4, CMakeLists.txt). */
const features =
  'none,sparse_super,large_file,filetype,extent,flex_bg,huge_file,dir_nlink,extra_isize,dir_index';

/**
 * Makes a disk of `size` bytes with an empty ext4, by mke2fs(8), sparse. The file appears only when it is
 * whole, and never in place of another. Name and size decide all its bytes.
 * @param path absolute.
 * @throws ConvertError `OUTPUT_UNUSABLE`, also where mke2fs is missing or fails, or `path` is there by now;
 * `OUTPUT_FULL`; the signal's reason.
 */
export async function makeVolume(
  path: string,
  size: number,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<void> {
  const program = findSystemProgram('mke2fs', env);
  if (program === undefined) {
    throw failed(path, 'no mke2fs', 'it on PATH', 'sudo apt-get install e2fsprogs');
  }
  let folder: string | undefined;
  try {
    folder = await makeWorkFolder(join(dirname(path), '.osv-convert-'));
    const file = join(folder, 'volume');
    await (await open(file, 'wx', 0o600)).close();
    await truncate(file, size);
    const { code, talk } = await runTool(program, mke2fsArguments(file, path, size), {
      env: { ...env, ...fixedEnv },
      ...(signal && { signal }),
    });
    if (code !== 0 && noRoom.test(talk)) throw full(path);
    if (code !== 0) throw failed(path, `that mke2fs failed (${code}): ${talk}`, 'an ext4');
    sync(file);
    await link(file, path);
    sync(dirname(path));
  } catch (cause) {
    signal?.throwIfAborted();
    throw outputError(path, cause);
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

/** As strerror(3) has ENOSPC and EDQUOT in English. */
const noRoom = /No space left on device|Disk quota exceeded/;

/** No defaults of this host, no language, and no clock: of the names, those that a release of e2fsprogs knows count. */
const fixedEnv = {
  MKE2FS_CONFIG: '/dev/null',
  LC_ALL: 'C',
  E2FSPROGS_FAKE_TIME: '1',
  SOURCE_DATE_EPOCH: '1',
};

/** `-m 0`: nobody but root is there to keep blocks for. */
export function mke2fsArguments(file: string, path: string, size: number): readonly string[] {
  const own = (what: string): string => uuidOf(`${what}\0${basename(path)}\0${size}`);
  return [
    ...['-q', '-F', '-b', '4096', '-I', '256', '-i', '16384', '-m', '0', '-O', features],
    ...['-U', own('volume'), '-E', `hash_seed=${own('hash seed')},root_owner=0:0`, file],
  ];
}

/** As RFC 9562 has it for digests of one's own (5.8, version 8). */
function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

function sync(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function outputError(path: string, cause: unknown): ConvertError {
  if (cause instanceof ConvertError) return cause;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
    return full(path, cause);
  }
  const found = cause instanceof Error ? cause.message : String(cause);
  return failed(path, found, 'a file that is not there, in a folder that can be written');
}

function full(path: string, cause?: unknown): ConvertError {
  return new ConvertError('OUTPUT_FULL', `making the volume ${path}: found no room left for it`, {
    hint: `df -h ${shellWord(dirname(path))}`,
    ...(cause !== undefined && { cause }),
  });
}

function failed(path: string, found: string, wanted: string, hint?: string): ConvertError {
  return new ConvertError(
    'OUTPUT_UNUSABLE',
    `making the volume ${path}: found ${found}, wanted ${wanted}`,
    hint === undefined ? {} : { hint },
  );
}
