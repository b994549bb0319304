import type { Command } from 'commander';
import { StoreError } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';
import { commandGroups } from './commands.ts';
import { commandsOf } from './usage-error.ts';

/**
 * The failure with the folders in its hint that were typed: without, the commands there would be about another
 * store, or about machines elsewhere.
 */
export function withTypedFolders(error: unknown, program: Command): unknown {
  if (!(error instanceof ConvertError || error instanceof StoreError)) return error;
  const { code, message, hint, cause } = error;
  const told = hint && inFolders(hint, commandsOf(program));
  if (told === undefined || told === hint) return error;
  return error instanceof StoreError
    ? new StoreError(error.code, message, { hint: told, cause })
    : new ConvertError(code, message, { hint: told, cause });
}

function inFolders(hint: string, typed: readonly Command[]): string {
  const store = lastOf(typed, 'store');
  const root = lastOf(typed, 'root');
  return hint.replace(commands, (words: string, name: string) => {
    if (ofMachines.includes(name)) return root === undefined ? words : `${words} --root ${root}`;
    return store === undefined ? words : `${words} --store ${store}`;
  });
}

function lastOf(typed: readonly Command[], option: string): string | undefined {
  const value: unknown = typed.map((one) => one.getOptionValue(option)).findLast(Boolean);
  return typeof value === 'string' ? shellWord(value) : undefined;
}

const ofMachines = namesOf('Machines that stay:');

/** They have nothing to do with the store. */
const elsewhere = ['help', 'login', 'logout', 'ls-tags', 'referrers', 'doctor', 'rofs'];

const names = Object.keys(commandGroups)
  .flatMap(namesOf)
  .filter((name) => !elsewhere.includes(name));

/**
 * Each command of a hint: a line of it, or what stands behind a colon, as far as it is this tool's. Help is the
 * same everywhere.
 */
const commands = new RegExp(
  `(?<=^|: )osv-convert (${names.join('|')})(?![\\w-])(?!.* --help$).*?(?= [|<] |$)`,
  'gm',
);

function namesOf(heading: string): readonly string[] {
  return (commandGroups[heading] ?? []).map(({ name }) => name);
}
