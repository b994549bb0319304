import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findMachine, qemuLivesIn } from './find-machine.ts';
import type { MachineId } from './machine-id.ts';
import { fileNames, unlessMissing } from './record.ts';

export interface LogOptions {
  /** Only the last lines; all when absent. */
  readonly tail?: number;
  /** Go on until the machine is stopped. */
  readonly follow: boolean;
  readonly signal?: AbortSignal;
}

const interval = 100;

const pieceSize = 64 * 1024;

/** What a guest wrote on its console, byte for byte. @throws ConvertError `MACHINE_NOT_FOUND`. */
export async function* readLog(
  root: string,
  id: MachineId,
  { tail, follow, signal }: LogOptions,
): AsyncGenerator<Uint8Array> {
  const { folder, record } = await findMachine(root, id, 'reading the console of');
  const path = join(folder, fileNames.console);
  let file: FileHandle | undefined;
  try {
    let offset = 0;
    for (;;) {
      signal?.throwIfAborted();
      // Looked at before the console is: what comes after the last look is read by the next.
      const ends = !follow || !(await goesOn(root, id, folder, record));
      if (file === undefined) {
        file = await open(path, 'r').catch(unlessMissing);
        if (file !== undefined && tail !== undefined) offset = await tailOffset(file, tail);
      }
      if (file !== undefined) {
        for await (const piece of piecesOf(file, offset)) {
          offset += piece.length;
          yield piece;
        }
      }
      if (ends) return;
      await delay(interval, undefined, signal && { signal });
    }
  } finally {
    await file?.close();
  }
}

/** A machine that is being created has no QEMU yet. */
async function goesOn(
  root: string,
  id: MachineId,
  folder: string,
  record: Awaited<ReturnType<typeof findMachine>>['record'],
): Promise<boolean> {
  if (record.vmm !== undefined) return await qemuLivesIn(folder, record);
  const { status } = await findMachine(root, id, 'reading the console of');
  return status !== 'stopped';
}

async function* piecesOf(file: FileHandle, from: number): AsyncGenerator<Buffer> {
  for (let offset = from; ; ) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(pieceSize), 0, pieceSize, offset);
    if (bytesRead === 0) return;
    offset += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Where the last `count` lines begin; a last line without an end counts. Reads backwards. */
async function tailOffset(file: FileHandle, count: number): Promise<number> {
  const { size } = await file.stat();
  let wanted = count;
  for (let end = size; end > 0; end -= pieceSize) {
    const start = Math.max(0, end - pieceSize);
    const { buffer } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
    for (let at = buffer.length - 1; at >= 0; at -= 1) {
      if (buffer[at] !== 10 || start + at === size - 1) continue;
      wanted -= 1;
      if (wanted <= 0) return count === 0 ? size : start + at + 1;
    }
  }
  return count === 0 ? size : 0;
}
