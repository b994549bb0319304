import { baseName, type Command } from './command.ts';

/** Programs that only start another one and reap zombies. */
export const inits: ReadonlySet<string> = new Set([
  ...['tini', 'tini-static', 'dumb-init', 'catatonit', 'docker-init'],
]);

/** Programs that start another one as a user, whom they are given first. */
export const userSwitches: ReadonlySet<string> = new Set(['gosu', 'su-exec']);

const initOptionsWithValue = new Set(['-e', '-p', '-r', '--rewrite']);

/**
 * What a small program starts that does nothing else that counts on OSv: inits, for there are no other
 * processes; gosu and su-exec, for there are no other users; env(1) without options.
 * @returns undefined for other programs, and where none is named to be started.
 */
export function behindWrapper(command: Command): Command | undefined {
  const wrapper = baseName(command.name);
  const { args } = command;
  if (inits.has(wrapper)) return startOf(command, behindOptions(args));
  if (userSwitches.has(wrapper)) {
    const [user = '', ...rest] = args;
    const said = `${wrapper} ${user} is left out: OSv has no users to change to`;
    return startOf({ ...command, unwrapped: [...command.unwrapped, said] }, rest);
  }
  return /^(?:\/(?:usr\/)?bin\/)?env$/.test(command.name) ? behindVariables(command) : undefined;
}

function startOf(command: Command, words: readonly string[]): Command | undefined {
  const [name, ...args] = words;
  return name === undefined || name.startsWith('-') ? undefined : { ...command, name, args };
}

function behindVariables(command: Command): Command | undefined {
  const { args, env } = command;
  const count = args.findIndex((word) => !/^[^=-][^=]*=/.test(word));
  if (count === -1) return undefined;
  const set = args.slice(0, count).map((word): [string, string] => {
    const equals = word.indexOf('=');
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
  // Its own PATH is what env looks the program up in.
  if (set.some(([name]) => name === 'PATH')) return undefined;
  return startOf({ ...command, env: new Map([...env, ...set]) }, args.slice(count));
}

/** The command among the words of an init: behind its options and `--`. */
function behindOptions(words: readonly string[]): readonly string[] {
  let at = 0;
  while (words[at]?.startsWith('-') && words[at] !== '--') {
    at += initOptionsWithValue.has(words[at] ?? '') ? 2 : 1;
  }
  return words.slice(words[at] === '--' ? at + 1 : at);
}
