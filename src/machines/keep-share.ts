import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { type Owner, ownerOf } from '../../store/processes.ts';
import type { Share } from '../run/machine.ts';
import {
  listeningWords,
  notListening,
  serverPatience,
  type Virtiofsd,
  virtiofsdCommand,
} from '../run/virtiofsd.ts';
import { keepPrograms, keepScript, leastKept } from './keep-script.ts';
import { killGroup } from './kill-group.ts';
import { fileNames } from './record.ts';
import { startShell } from './start-shell.ts';

/**
 * Starts the server of its words, in the folder of the machine, and says what that says until it listens; what it
 * says later goes into a file. When `keep`, the number of the hypervisor and its start come, it waits for the
 * server's end, and ends the machine: one that ends by itself hung up first, and is given a second for the rest. A
 * creator who dies before leaves an open end; then all of this session is killed, the server with it. The server's
 * number is not needed for that, nor known: it may start others. The words are arguments; none is ever read as a
 * script.
 */
const script = `
${keepScript}
umask 077
command -v ${keepPrograms.join(' ')} sleep >/dev/null || exit
at=$1
socket=$2
shift 2
"$@" </dev/null 2>&1 >/dev/null | {
  while read -r line; do
    printf '%s\\n' "$line"
    case $line in *'${listeningWords}'*) break ;; esac
  done
  exec >/dev/null
  keep "share$at.log" ${leastKept}
} &
exec >/dev/null
read -r word pid start
[ "$word" = keep ] || kill -9 0
exec </dev/null
wait
rm -f "$socket"
lives() {
  { read -r stat <"/proc/$pid/stat"; } 2>/dev/null || return
  set -- \${stat##*) }
  [ "$1" != Z ] && [ "\${20}" = "$start" ]
}
tries=0
while lives; do
  if [ $tries = 10 ]; then
    echo "$at" >${fileNames.lost}
    kill -9 "$pid"
    break
  fi
  tries=$((tries + 1))
  sleep 0.1
done
`;

/** The server of a share, and the shell that waits for its end. */
export interface KeptShare {
  /** The shell, which leads a group of processes that is all theirs. */
  readonly keeper: Owner;
  /** From now on both end with the hypervisor, which ends with the server. */
  keep(hypervisor: Owner): Promise<void>;
  /** Kills both, if they live; resolved when the shell is gone. */
  drop(): Promise<void>;
}

/**
 * Starts the server of `share`, whose socket is a name in `folder`, that of the machine; `at` is its number.
 * @throws ConvertError `QEMU_FAILED` when it does not listen; the signal's reason.
 */
export async function keepShare(
  folder: string,
  at: number,
  share: Share,
  virtiofsd: Virtiofsd,
  signal?: AbortSignal,
): Promise<KeptShare> {
  const words = [String(at), share.socket, ...virtiofsdCommand(virtiofsd, share, folder)];
  const { shell, gone } = startShell(folder, script, words);
  const drop = async (): Promise<void> => {
    // The number of one that has ended may be another's.
    const lives = shell.exitCode === null && shell.signalCode === null;
    if (shell.pid !== undefined && lives) killGroup(shell.pid);
    await gone;
  };
  try {
    const keeper = shell.pid === undefined ? undefined : await ownerOf(shell.pid);
    const said = await talkOf(shell, signal);
    signal?.throwIfAborted();
    if (keeper === undefined || !isListening(said)) {
      throw notListening(virtiofsd.program, share.folder, said);
    }
    return {
      keeper,
      drop,
      async keep({ pid, start }) {
        shell.stdin.end(`keep ${pid} ${start}\n`);
        await Promise.race([once(shell.stdin, 'close'), gone]);
        shell.unref();
      },
    };
  } catch (error) {
    await drop();
    throw error;
  }
}

/** The last that a server said until it listened, or did not in time. */
async function talkOf(
  { stdout }: { readonly stdout: Readable },
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const said: string[] = [];
  const lines = createInterface({ input: stdout });
  lines.on('line', (line) => {
    said.push(line.slice(0, 300));
    if (said.length > 20) said.shift();
  });
  const late = AbortSignal.timeout(serverPatience);
  const over = signal === undefined ? late : AbortSignal.any([late, signal]);
  await once(lines, 'close', { signal: over }).catch(() => undefined);
  lines.close();
  stdout.destroy();
  return said;
}

function isListening(said: readonly string[]): boolean {
  return said.at(-1)?.includes(listeningWords) ?? false;
}
