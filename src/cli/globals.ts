import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { collect } from './env.ts';
import { parseFolder } from './folder-option.ts';

export interface GlobalOptions {
  readonly store: string;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly progress: ProgressMode;
  /** `NAME=VALUE` words, as they were typed. */
  readonly limit: readonly string[];
}

export type ProgressMode = 'auto' | 'plain' | 'json' | 'none';

const defaults: GlobalOptions = {
  store: '',
  json: false,
  quiet: false,
  progress: 'auto',
  limit: [],
};

const limitFlag = '--limit';

/** The options every command takes, before or after its name. */
export function addGlobalOptions(command: Command): Command {
  // One command has an option of this name for itself, and takes in no layers.
  if (command.options.every(({ long }) => long !== limitFlag)) {
    const help = 'what a layer may cost, such as entries=2000000 or layerSize=100G (repeatable)';
    command.option(`${limitFlag} <name=value>`, help, collect);
  }
  return command
    .option(
      '--store <dir>',
      'layer store (default: OSV_CONVERT_STORE, else the data folder)',
      parseFolder,
    )
    .option('--json', 'print the result as JSON')
    .option('--quiet', 'no talk on stderr but errors')
    .addOption(
      new Option('--progress <mode>', 'how progress is shown on stderr (default: auto)').choices([
        'auto',
        'plain',
        'json',
        'none',
      ]),
    );
}

export function globalOptionsOf(command: Command, env: NodeJS.ProcessEnv): GlobalOptions {
  const given = givenTo(command);
  return {
    ...defaults,
    ...given,
    store: resolve(given.store ?? defaultStore(env)),
    limit: limitWordsOf(command),
  };
}

/** Of an option that was given twice the last one counts, wherever it stands. */
function givenTo(command: Command | null): Partial<GlobalOptions> {
  return command === null ? {} : { ...givenTo(command.parent), ...command.opts() };
}

/** Those before the name of the command first. */
function limitWordsOf(command: Command | null): readonly string[] {
  if (command === null) return [];
  const { limit }: { limit?: unknown } = command.opts();
  return [...limitWordsOf(command.parent), ...(Array.isArray(limit) ? limit : [])];
}

/** `OSV_CONVERT_STORE`, else `$XDG_DATA_HOME/osv-convert` (XDG Base Directory Specification). */
function defaultStore(env: NodeJS.ProcessEnv): string {
  const chosen = env['OSV_CONVERT_STORE'];
  if (chosen) return chosen;
  const data = env['XDG_DATA_HOME'];
  return join(data?.startsWith('/') ? data : join(homedir(), '.local/share'), 'osv-convert');
}
