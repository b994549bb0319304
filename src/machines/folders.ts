import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive, myself, type Owner } from '../../store/processes.ts';
import { ConvertError } from '../error.ts';
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
  const draft = join(root, workName(await myself(), id));
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
  const draft = join(root, workName(await myself(), id));
  try {
    await rename(join(root, id), draft);
  } catch (error) {
    unlessMissing(error);
    return false;
  }
  await removeAll(draft);
  return true;
}

const day = 24 * 3600 * 1000;

/** Removes what processes left that were killed in the middle of their work. */
export async function sweep(root: string): Promise<void> {
  const names = (await readdir(root).catch(unlessMissing)) ?? [];
  for (const name of names) {
    const worker = workerOf(name);
    if (worker === undefined) continue;
    const path = join(root, name);
    const found = await stat(path).catch(unlessMissing);
    if (found === undefined) continue;
    // A worker of another boot or container cannot be looked up.
    const lives = (await isAlive(worker)) ?? Date.now() - found.ctimeMs < day;
    if (!lives) await removeAll(path);
  }
}

/** A supervisor may just be noting the end in there. */
async function removeAll(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
}

function workName({ pid, start, realm }: Owner, id: MachineId): string {
  return `.${pid}-${start}-${realm}-${id}`;
}

function workerOf(name: string): Owner | undefined {
  const [, pid, start, realm] = /^\.(\d{1,10})-(\d{1,20})-([0-9a-f]{16})-/.exec(name) ?? [];
  return pid === undefined || start === undefined || realm === undefined
    ? undefined
    : { pid: Number(pid), start, realm };
}

function taken(id: MachineId): ConvertError {
  return new ConvertError(
    'MACHINE_EXISTS',
    `creating machine ${id}: found one of this name, wanted a name that is free`,
    { hint: `osv-convert delete ${shellWord(id)}` },
  );
}

function unusable(root: string, cause: unknown): ConvertError {
  const found = cause instanceof Error ? cause.message : String(cause);
  return new ConvertError(
    'OUTPUT_UNUSABLE',
    `creating a machine below ${root}: found ${found}, wanted a folder that can be written`,
    { cause, hint: 'choose another folder: --root DIR' },
  );
}
