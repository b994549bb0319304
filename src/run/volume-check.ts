import { spawnSync } from 'node:child_process';
import { constants } from 'node:fs';
import { access, open, stat } from 'node:fs/promises';
import { lockHolder, lockHolderIn } from '../disk/file-lock.ts';
import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';
import { type ExtState, extStateOf, superblockEnd } from './ext-superblock.ts';
import { findSystemProgram, runTool } from './system-program.ts';

export interface CheckVolumeOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly onWarning?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Makes sure that OSv can mount the disk at `path`. One that was not unmounted, for its machine was killed, is
 * mended by e2fsck(8) first, as Linux does when it boots: OSv would mount it as it is.
 * @throws ConvertError `OUTPUT_UNUSABLE` for one that cannot be written, has no ext4 that OSv knows, is in
 * use, or is damaged more than e2fsck mends by itself; the signal's reason.
 */
export async function checkVolume(path: string, options: CheckVolumeOptions): Promise<void> {
  const state = await stateOf(path);
  // What is there may be anything, so that nothing is told here that would write to it.
  const hint = 'make one, with a FILE that is not there: --volume 1G:FILE:PATH';
  if (state.kind === 'none') throw refused(path, 'no ext4', 'a raw disk with one', hint);
  if (state.kind === 'unsupported') throw refused(path, state.reason, 'an ext4 OSv knows', hint);
  const holder = lockHolder(path);
  if (holder !== undefined) {
    const end = `end that machine first (fuser ${shellWord(path)} names its process)`;
    throw refused(path, `it locked by ${holder}`, 'a disk that no machine uses', end);
  }
  if (!state.clean) await mend(path, options);
}

async function stateOf(path: string): Promise<ExtState> {
  try {
    const kind = await stat(path);
    // A pipe would be waited for.
    if (!kind.isFile() && !kind.isBlockDevice()) throw new Error('neither a file nor a disk');
    await access(path, constants.W_OK);
    const file = await open(path, 'r');
    try {
      const head = Buffer.alloc(superblockEnd);
      const { bytesRead } = await file.read(head, 0, superblockEnd, 0);
      return extStateOf(head.subarray(0, bytesRead));
    } finally {
      await file.close();
    }
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw refused(path, found, 'a file that can be read and written');
  }
}

/**
 * Whether a lock on the file would be told: one is taken, and looked for. Of a file system that does not tell,
 * a machine may be writing what looks as if nobody had unmounted it.
 */
function areLocksTold(path: string, env: NodeJS.ProcessEnv): boolean {
  const flock = findSystemProgram('flock', env);
  if (flock === undefined) return false;
  const { status, stdout } = spawnSync(flock, ['-n', path, 'cat', '/proc/locks'], {
    encoding: 'utf8',
    timeout: 10_000,
    env,
  });
  return status === 0 && lockHolderIn(stdout, path) !== undefined;
}

async function mend(path: string, { env, onWarning, signal }: CheckVolumeOptions): Promise<void> {
  const program = findSystemProgram('e2fsck', env);
  const how = `the volume ${path} was not unmounted: its machine was killed`;
  if (program === undefined) {
    const text = `${how}, and there is no e2fsck here to mend it (sudo apt-get install e2fsprogs)`;
    onWarning?.(text);
    return;
  }
  if (!areLocksTold(path, env)) {
    onWarning?.(
      `${how}, and nothing tells here whether another still uses it; if none does: e2fsck -p ${shellWord(path)}`,
    );
    return;
  }
  onWarning?.(`${how}; mending it, what was not flushed may be lost`);
  const { code, talk } = await runTool(program, ['-p', path], { env, ...(signal && { signal }) });
  // e2fsck(8): 1 and 2 say that errors were corrected.
  if (code > 3) {
    const hint = `e2fsck -f ${shellWord(path)}`;
    throw refused(
      path,
      `damage that e2fsck does not mend by itself (${code}): ${talk}`,
      'a sound ext4',
      hint,
    );
  }
}

function refused(path: string, found: string, wanted: string, hint?: string): ConvertError {
  return new ConvertError(
    'OUTPUT_UNUSABLE',
    `opening the volume ${path}: found ${found}, wanted ${wanted}`,
    hint === undefined ? {} : { hint },
  );
}
