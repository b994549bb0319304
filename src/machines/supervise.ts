import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { isAlive, type Owner, ownerOf } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { fileNames } from './record.ts';

/**
 * Starts the program of its words, in the folder of the machine, and says its number. It is kept only when
 * `keep` comes: a creator who dies leaves an open end, and no process. Then it waits for the end and notes
 * it, whatever became of the creator. The words are arguments; none is ever read as a script.
 */
const script = `
umask 077
"$@" </dev/null >>${fileNames.console} 2>${fileNames.talk} &
qemu=$!
echo "$qemu"
read -r word
if ! { [ "$word" = keep ] && true >${fileNames.created}; }; then kill -9 "$qemu"; fi
exec <&- >&-
wait "$qemu"
echo "$?" >${fileNames.exit}
`;

/** QEMU, and the shell that waits for its end. */
export interface Supervised {
  readonly qemu: Owner;
  readonly supervisor: Owner;
  /** The machine is created, and outlives this process. @throws ConvertError `QEMU_FAILED`. */
  keep(): Promise<void>;
  /** Kills QEMU; resolved when both are gone. Nothing to do after `keep`. */
  drop(): Promise<void>;
}

type Shell = ChildProcessByStdio<Writable, Readable, null>;

/** @throws ConvertError `QEMU_FAILED` when there is no shell, or QEMU ended at once. */
export async function supervise(folder: string, words: readonly string[]): Promise<Supervised> {
  const shell: Shell = spawn('/bin/sh', ['-c', script, 'osv-convert', ...words], {
    cwd: folder,
    // A session of its own: the terminal's end and its signals are not for the machine.
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  shell.stdin.on('error', () => undefined);
  const gone = new Promise<void>((resolve) => {
    shell.once('exit', () => resolve()).once('error', () => resolve());
  });
  let started: Owner | undefined;
  const drop = async (): Promise<void> => {
    shell.stdin.end();
    await gone;
    // A shell that was killed could not do it.
    if (started !== undefined && (await isAlive(started))) process.kill(started.pid, 'SIGKILL');
  };
  try {
    const [supervisor, qemu] = await ownersOf(shell, gone);
    started = qemu;
    return {
      qemu,
      supervisor,
      drop,
      async keep() {
        const heard = once(shell.stdout, 'end');
        shell.stdout.resume();
        shell.stdin.end('keep\n');
        await Promise.race([heard, gone]);
        shell.unref();
        await access(join(folder, fileNames.created)).catch((cause: unknown) => {
          throw failed('that nobody waits for the end of QEMU', cause);
        });
      },
    };
  } catch (error) {
    await drop();
    throw error;
  }
}

async function ownersOf(shell: Shell, gone: Promise<void>): Promise<readonly [Owner, Owner]> {
  const lines = createInterface({ input: shell.stdout });
  const line = await Promise.race([once(lines, 'line'), gone]);
  lines.close();
  const pids = [shell.pid ?? 0, Number(line?.[0] ?? 0)];
  const [supervisor, qemu] = await Promise.all(
    pids.map((pid) => (pid > 0 ? ownerOf(pid) : undefined)),
  );
  if (supervisor === undefined || qemu === undefined) throw failed('that QEMU ended at once');
  return [supervisor, qemu];
}

function failed(found: string, cause?: unknown): ConvertError {
  return new ConvertError('QEMU_FAILED', `starting QEMU: found ${found}, wanted it to wait`, {
    cause,
  });
}
