import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { isAlive, type Owner, ownerOf } from '../../store/processes.ts';
import { ConvertError } from '../error.ts';
import type { VmmKind } from '../run/run-machine.ts';
import { keepPrograms, keepScript } from './keep-script.ts';
import { fileNames } from './record.ts';
import { type Shell, startShell } from './start-shell.ts';

/** Bytes of what a hypervisor itself says; a guest has ways to make it speak. */
const talkLimit = 512 * 1024;

/**
 * Starts the program of its words, in the folder of the machine, and says its number. It is kept only when
 * `keep` comes: a creator who dies leaves an open end, and no process. Then it waits for the end and notes
 * it, whatever became of the creator: one who is dead already hears no number, which is no reason for the
 * shell to end, too. The words are arguments; none is ever read as a script. Both pipes are open at both ends
 * before anyone is started: who is killed early leaves nobody waiting for him.
 */
const scriptOf = (consoleLimit: number): string => `
${keepScript}
umask 077
command -v ${keepPrograms.join(' ')} >/dev/null || exit
mkfifo pipe && exec 3<>pipe 4<pipe 5>pipe 3>&- && rm pipe || exit
mkfifo pipe && exec 3<>pipe 6<pipe 7>pipe 3>&- && rm pipe || exit
(exec <&4 >/dev/null 2>&1 4<&- 5>&- 6<&- 7>&-; keep ${fileNames.console} ${consoleLimit}) &
console=$!
(exec <&6 >/dev/null 2>&1 4<&- 5>&- 6<&- 7>&-; keep ${fileNames.talk} ${talkLimit}) &
talk=$!
"$@" </dev/null >&5 2>&7 4<&- 5>&- 6<&- 7>&- &
hypervisor=$!
exec 4<&- 5>&- 6<&- 7>&-
trap '' PIPE
echo "$hypervisor"
read -r word
if ! { [ "$word" = keep ] && true >${fileNames.created}; }; then kill -9 "$hypervisor"; fi
exec <&- >&-
wait "$hypervisor"
code=$?
wait "$console" "$talk"
echo "$code" >${fileNames.exit}
`;

/** A hypervisor, and the shell that waits for its end. */
export interface Supervised {
  readonly hypervisor: Owner;
  readonly supervisor: Owner;
  /** The machine is created, and outlives this process. @throws ConvertError as `supervise`. */
  keep(): Promise<void>;
  /** Kills the hypervisor; resolved when both are gone. Nothing to do after `keep`. */
  drop(): Promise<void>;
}

/**
 * Starts the hypervisor of `words`; of its console the last is kept, at most `logSize` bytes.
 * @throws ConvertError `QEMU_FAILED` or `FIRECRACKER_FAILED` when there is no shell, or it ended at once.
 */
export async function supervise(
  folder: string,
  kind: VmmKind,
  words: readonly string[],
  logSize: number,
): Promise<Supervised> {
  const script = scriptOf(Math.floor(logSize / 2));
  const { shell, gone } = startShell(folder, script, words);
  let started: Owner | undefined;
  const drop = async (): Promise<void> => {
    shell.stdin.end();
    await gone;
    // A shell that was killed could not do it.
    if (started !== undefined && (await isAlive(started))) process.kill(started.pid, 'SIGKILL');
  };
  try {
    const [supervisor, hypervisor] = await ownersOf(shell, kind, gone);
    started = hypervisor;
    return {
      hypervisor,
      supervisor,
      drop,
      async keep() {
        const heard = once(shell.stdout, 'end');
        shell.stdout.resume();
        shell.stdin.end('keep\n');
        await Promise.race([heard, gone]);
        shell.unref();
        await access(join(folder, fileNames.created)).catch((cause: unknown) => {
          throw failed(kind, 'that nobody waits for its end', cause);
        });
      },
    };
  } catch (error) {
    await drop();
    throw error;
  }
}

async function ownersOf(
  shell: Shell,
  kind: VmmKind,
  gone: Promise<void>,
): Promise<readonly [Owner, Owner]> {
  const lines = createInterface({ input: shell.stdout });
  const line = await Promise.race([once(lines, 'line'), gone]);
  lines.close();
  const pids = [shell.pid ?? 0, Number(line?.[0] ?? 0)];
  const [supervisor, hypervisor] = await Promise.all(
    pids.map((pid) => (pid > 0 ? ownerOf(pid) : undefined)),
  );
  if (supervisor === undefined || hypervisor === undefined)
    throw failed(kind, 'that it ended at once');
  return [supervisor, hypervisor];
}

function failed(kind: VmmKind, found: string, cause?: unknown): ConvertError {
  const code = kind === 'qemu' ? 'QEMU_FAILED' : 'FIRECRACKER_FAILED';
  return new ConvertError(code, `starting ${kind}: found ${found}, wanted it to wait`, { cause });
}
