import type { Command } from 'commander';
import { openStore, type Store } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import type { OnEvent } from '../event.ts';
import { type GlobalOptions, globalOptionsOf } from './globals.ts';
import { createProgress } from './progress.ts';
import { writeStdout } from './stdout.ts';

/** What every command works with. */
export interface Session {
  readonly globals: GlobalOptions;
  readonly store: Store;
  readonly onEvent: OnEvent;
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** Prints the result on stdout: as JSON with `--json`, else as text. */
  print(value: unknown, text: string): Promise<void>;
}

/** Runs a command's work; progress is shown while it runs and cleared at its end, good or bad. */
export async function withSession(
  command: Command,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const globals = globalOptionsOf(command, process.env);
  const interrupt = new AbortController();
  const onSignal = (): void =>
    interrupt.abort(
      new ConvertError('INTERRUPTED', 'interrupted: what was downloaded is kept, nothing else'),
    );
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  const progress = createProgress(globals, process.stderr, process.env);
  try {
    await work({
      globals,
      store: await openStore(globals.store, {
        onEvent: (event) => {
          if (event.event === 'layer-progress') {
            const { digest, read, size } = event;
            progress.onEvent({ event: 'unpack', digest, read, size });
          }
        },
      }),
      onEvent: progress.onEvent,
      signal: interrupt.signal,
      print: async (value, text) => {
        progress.clear();
        await writeStdout(globals.json ? `${JSON.stringify(value, undefined, 2)}\n` : text);
      },
    });
  } catch (error) {
    throw interrupt.signal.aborted ? interrupt.signal.reason : error;
  } finally {
    progress.clear();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}
