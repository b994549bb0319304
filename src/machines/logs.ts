import { setTimeout as delay } from 'node:timers/promises';
import { type ConsoleView, type Mark, openConsole } from './console-files.ts';
import { findMachine, hypervisorLivesIn, livesOn } from './find-machine.ts';
import type { MachineId } from './machine-id.ts';
import { fileNames } from './record.ts';

export interface LogOptions {
  /** Only the last lines; all that is kept when absent. */
  readonly tail?: number;
  /** Go on until the machine is stopped. */
  readonly follow: boolean;
  readonly signal?: AbortSignal;
}

const interval = 100;

const pieceSize = 64 * 1024;

/**
 * What a guest wrote on its console, byte for byte, as far as it is kept. Who follows misses what comes and
 * goes between two looks: of a guest that writes faster than it is read.
 * @throws ConvertError `MACHINE_NOT_FOUND`.
 */
export async function* readLog(
  root: string,
  id: MachineId,
  { tail, follow, signal }: LogOptions,
): AsyncGenerator<Uint8Array> {
  const { folder, record } = await findMachine(root, id, 'reading the console of');
  const files = openConsole(folder, fileNames.console);
  try {
    let mark: Mark | undefined;
    for (;;) {
      signal?.throwIfAborted();
      // Looked at before the console is: what comes after the last look is read by the next.
      const ends = !follow || !(await goesOn(root, id, folder, record));
      const view = await files.look();
      const start =
        mark === undefined ? await startOf(view, tail) : Math.min(view.offsetOf(mark), view.size);
      yield* piecesOf(view, start);
      mark = view.end;
      if (ends) return;
      await delay(interval, undefined, signal && { signal });
    }
  } finally {
    await files.close();
  }
}

/** A machine that is being created has no hypervisor yet; the supervisor ends when all is in the console. */
async function goesOn(
  root: string,
  id: MachineId,
  folder: string,
  record: Awaited<ReturnType<typeof findMachine>>['record'],
): Promise<boolean> {
  if (record.vmm !== undefined) {
    return (await livesOn(record)) || (await hypervisorLivesIn(folder, record));
  }
  const { status } = await findMachine(root, id, 'reading the console of');
  return status !== 'stopped';
}

async function* piecesOf(view: ConsoleView, start: number): AsyncGenerator<Buffer> {
  for (let offset = start; offset < view.size; ) {
    const piece = await view.read(offset, Math.min(pieceSize, view.size - offset));
    if (piece.length === 0) return;
    offset += piece.length;
    yield piece;
  }
}

/** Where the last `count` lines begin; a last line without an end counts. Reads backwards. */
async function startOf(view: ConsoleView, count: number | undefined): Promise<number> {
  const { size } = view;
  if (count === undefined) return 0;
  if (count === 0) return size;
  let wanted = count;
  for (let end = size; end > 0; end -= pieceSize) {
    const start = Math.max(0, end - pieceSize);
    const piece = await view.read(start, end - start);
    for (let at = piece.length - 1; at >= 0; at -= 1) {
      if (piece[at] !== 10 || start + at === size - 1) continue;
      wanted -= 1;
      if (wanted <= 0) return start + at + 1;
    }
  }
  return 0;
}
