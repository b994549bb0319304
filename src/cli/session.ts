import type { Command } from 'commander';
import { type OpenStoreOptions, openStore, type Store } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import type { OnEvent } from '../event.ts';
import { jsonText } from './format.ts';
import { type GlobalOptions, globalOptionsOf } from './globals.ts';
import { parseLimits } from './limits.ts';
import { createProgress } from './progress.ts';
import { writeStdout } from './stdout.ts';
import { userConfig } from './user-config.ts';

/** What every command works with. */
export interface Session {
  readonly globals: GlobalOptions;
  readonly store: Store;
  readonly onEvent: OnEvent;
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** Prints the result on stdout: as JSON with `--json`, else as text. */
  print(value: unknown, text: string): Promise<void>;
  /** Prints a part of a result that is too large to be held whole, in whichever form. */
  write(part: string | Uint8Array): Promise<void>;
}

/** Runs a command's work; progress is shown while it runs and cleared at its end, good or bad. */
export async function withSession(
  command: Command,
  work: (session: Session) => Promise<void>,
  options: Pick<OpenStoreOptions, 'repair'> = {},
): Promise<void> {
  const globals = globalOptionsOf(command, process.env);
  const interrupt = new AbortController();
  const onSignal = (): void =>
    interrupt.abort(
      new ConvertError(
        'INTERRUPTED',
        'interrupted: the store is unharmed, and the command can be run again',
      ),
    );
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  const progress = createProgress(globals, process.stderr, process.env);
  let store: Store | undefined;
  try {
    const config = await userConfig(command.getOptionValue('config'), process.env);
    store = await openStore(globals.store, {
      ...options,
      limits: { ...config.limits, ...parseLimits(globals.limit) },
      ...(config.inflater && { inflater: config.inflater }),
      purpose: purposeOf(command),
      onEvent: (event) => {
        if (event.event === 'layer-progress') {
          const { digest, read, size } = event;
          progress.onEvent({ event: 'unpack', digest, read, size });
        } else if (event.event === 'verify-progress') {
          progress.onEvent({ ...event, event: 'verify' });
        }
      },
    });
    await work({
      globals,
      store,
      onEvent: progress.onEvent,
      signal: interrupt.signal,
      print: async (value, text) => {
        progress.clear();
        await writeStdout(globals.json ? `${jsonText(value, 2)}\n` : text);
      },
      write: async (part) => {
        progress.clear();
        await writeStdout(part);
      },
    });
  } catch (error) {
    throw interrupt.signal.aborted ? interrupt.signal.reason : error;
  } finally {
    // A lease that cannot be removed ends with this process anyway.
    await store?.close().catch(() => undefined);
    progress.clear();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

const longestPurpose = 300;

/** The command and what it is about, as `store leases` shows it: no options, and no credentials. */
function purposeOf(command: Command): string {
  const names: string[] = [];
  for (let one: Command | null = command; one !== null; one = one.parent) names.unshift(one.name());
  return [...names, ...command.args.map(withoutCredentials)].join(' ').slice(0, longestPurpose);
}

/** `USER:PASSWORD@` before a host is no part of a reference, and is refused; it may be typed all the same. */
function withoutCredentials(word: string): string {
  return word.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@(?!sha256:)/s, '$1');
}
