import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { myself } from '../../store/processes.ts';
import { ConvertError } from '../error.ts';
import { ownerWord, removeWork, sweepWorkFolders } from '../run/work-folder.ts';
import { shellWord } from '../shell-word.ts';
import type { MachineId } from './machine-id.ts';
import { type MachineRecord, unlessMissing, writeRecord } from './record.ts';

/*
 * The folder of a machine comes and goes in one step, under a name that begins with a dot and tells who
 * is at work on it: none has the name of a machine without its record, of two who create or delete the
 * same machine one wins, and what the killed leave behind is known for that.
 */

/** Gives a new machine its folder, with its record in it. @throws ConvertError `MACHINE_EXISTS`, and of outputs. */
export async function claimFolder(root: string, record: MachineRecord): Promise<string> {
  const { id } = record;
  const folder = join(root, id);
  if ((await stat(folder).catch(unlessMissing)) !== undefined) throw taken(id);
  const draft = await draftOf(root, id);
  await mkdir(draft, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    throw unusable(root, cause);
  });
  try {
    await writeRecord(draft, record);
    // Fails where the target is a folder with something in it, as each machine's is (rename(2)).
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    throw code === 'ENOTEMPTY' || code === 'EEXIST' ? taken(id) : error;
  }
  return folder;
}

/** False when another process was faster. */
export async function removeFolder(root: string, { id }: MachineRecord): Promise<boolean> {
  const draft = await draftOf(root, id);
  try {
    await rename(join(root, id), draft);
  } catch (error) {
    unlessMissing(error);
    return false;
  }
  await removeWork(draft);
  return true;
}

/** Removes what processes left that were killed in the middle of their work. */
export async function sweep(root: string): Promise<void> {
  await sweepWorkFolders(`${root}/.`);
}

/** Of a folder that comes or goes. */
async function draftOf(root: string, id: MachineId): Promise<string> {
  return join(root, `.${ownerWord(await myself())}-${id}`);
}

function taken(id: MachineId): ConvertError {
  return new ConvertError(
    'MACHINE_EXISTS',
    `creating machine ${id}: found one of this name, wanted a name that is free`,
    { hint: `osv-convert delete ${shellWord(id)}` },
  );
}

function unusable(root: string, cause: unknown): ConvertError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'an error';
  const found =
    { ENOTDIR: 'a file in the place of a folder', EACCES: 'one that may not be written' }[code] ??
    code;
  return new ConvertError(
    'OUTPUT_UNUSABLE',
    `creating a machine below ${root}: found ${found}, wanted a folder that can be written`,
    { cause, hint: 'choose another folder: --root DIR' },
  );
}
