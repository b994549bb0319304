import { ConvertError } from '../error.ts';
import type { ExecutionConfig } from '../oci/config.ts';

/** What an image starts, wrappers taken off. */
export interface Command {
  /** The program as the image names it. */
  readonly name: string;
  readonly args: readonly string[];
  /** Absolute. */
  readonly workingDirectory: string;
  readonly env: ReadonlyMap<string, string>;
  /** How the image put it, for messages. */
  readonly shown: string;
}

/** What to write into the Dockerfile when the image starts no app. */
export const entryPointHint = 'rebuild the image with ENTRYPOINT ["dotnet", "/app/NAME.dll"]';

export const shells = new Set(['sh', 'bash', 'dash', 'ash', 'zsh', 'busybox']);

/** Programs that only start another one and reap zombies. */
const inits = new Set(['tini', 'tini-static', 'dumb-init', 'catatonit']);

const initOptionsWithValue = new Set(['-e', '-p', '-r', '--rewrite']);

/** Words that a shell takes as they are: no quotes, globs, variables, redirections, control operators. */
const plainWord = /^(?![#~])[^\s'"\\`$&;|<>()[\]{}*?!]+$/;

/**
 * The one program an image starts: Entrypoint then Cmd, with `/bin/sh -c` taken off where the script is
 * one simple command, and small init programs always.
 * @throws ConvertError `APP_NOT_FOUND` for an image that starts nothing, `SHELL_ENTRYPOINT` for a script
 * that is more than one simple command.
 */
export function commandOf(config: ExecutionConfig): Command {
  const words = [...config.Entrypoint, ...config.Cmd];
  const shown = JSON.stringify(words).slice(0, 400);
  const [name, ...args] = unwrap(words, shown);
  if (name === undefined || name === '') {
    throw new ConvertError(
      'APP_NOT_FOUND',
      'finding the app: the image has neither Entrypoint nor Cmd, wanted one that starts a .NET app',
      { hint: entryPointHint },
    );
  }
  return {
    name,
    args,
    workingDirectory: absolute(config.WorkingDir),
    env: new Map(config.Env.map(splitVariable)),
    shown,
  };
}

export function absolute(directory: string): string {
  return directory.startsWith('/') ? directory : `/${directory}`;
}

function splitVariable(variable: string): [string, string] {
  const at = variable.indexOf('=');
  return at === -1 ? [variable, ''] : [variable.slice(0, at), variable.slice(at + 1)];
}

function unwrap(words: readonly string[], shown: string): readonly string[] {
  const [name = '', ...args] = words;
  if (inits.has(baseName(name)) && args.length > 0) {
    return unwrap(behindOptions(args), shown);
  }
  const script = args[1];
  if (!shells.has(baseName(name)) || args[0] !== '-c' || script === undefined) {
    return words;
  }
  const [first = '', ...rest] = script.trim().split(/[ \t]+/);
  const simple = first === 'exec' ? rest : [first, ...rest];
  if (!simple.every((word) => plainWord.test(word)) || simple[0]?.includes('=') !== false) {
    throw shellEntrypoint(`runs the shell script ${JSON.stringify(firstLine(script))}`, shown);
  }
  return unwrap(simple, shown);
}

/** The command among the words of an init program: behind its options and `--`. */
function behindOptions(words: readonly string[]): readonly string[] {
  let at = 0;
  while (words[at]?.startsWith('-') && words[at] !== '--') {
    at += initOptionsWithValue.has(words[at] ?? '') ? 2 : 1;
  }
  return words.slice(words[at] === '--' ? at + 1 : at);
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The folder of an absolute path; `''` stands for the root, so that a name can be put behind a slash. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

export function firstLine(text: string): string {
  return text.trim().split('\n', 1)[0]?.slice(0, 200) ?? '';
}

export function shellEntrypoint(found: string, shown: string): ConvertError {
  return new ConvertError(
    'SHELL_ENTRYPOINT',
    `finding the app: the image's command ${shown} ${found}, wanted one program: OSv runs no shell`,
    { hint: entryPointHint },
  );
}

/** `name` as the image's working directory sees it. */
export function pathFrom(command: Command, name: string): string {
  return name.startsWith('/') ? name : `${command.workingDirectory}/${name}`;
}
