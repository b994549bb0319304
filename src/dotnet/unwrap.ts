import { ConvertError } from '../error.ts';
import type { ExecutionConfig } from '../oci/config.ts';
import { entryPointHint } from './candidates.ts';
import { absolute, baseName, type Command, pathFrom } from './command.ts';
import type { Rootfs } from './description.ts';
import { type Files, isDirectory } from './files.ts';
import { type Script, scriptRefused } from './script.ts';
import { readSimpleCommand } from './shell.ts';
import { behindWrapper } from './wrappers.ts';

/** Shells that understand a simple command alike. */
const posixShells = new Set(['sh', 'bash', 'dash', 'ash']);

/** Scripts and small programs may start others; a variable may hold a script that starts itself. */
const maxNesting = 8;

/**
 * The one program an image starts: Entrypoint then Cmd, with `/bin/sh -c` taken off where the script is
 * one simple command, and small programs that only start another.
 * @throws ConvertError `APP_NOT_FOUND` for an image that starts nothing, `SHELL_ENTRYPOINT` for a script
 * that is more than one simple command.
 */
export function commandOf(config: ExecutionConfig, root: Rootfs): Command {
  const words = [...config.Entrypoint, ...config.Cmd];
  const [name = '', ...args] = words;
  const given = {
    name,
    args,
    workingDirectory: absolute(config.WorkingDir),
    env: new Map(config.Env.map(splitVariable)),
    shown: JSON.stringify(words).slice(0, 400),
    unwrapped: [],
  };
  const command = unwrap(given, root, 0);
  if (command.name === '') {
    throw new ConvertError(
      'APP_NOT_FOUND',
      'finding the app: the image has neither Entrypoint nor Cmd, wanted one that starts a .NET app',
      { hint: entryPointHint(root.tree) },
    );
  }
  return command;
}

function splitVariable(variable: string): [string, string] {
  const at = variable.indexOf('=');
  return at === -1 ? [variable, ''] : [variable.slice(0, at), variable.slice(at + 1)];
}

function unwrap(command: Command, root: Rootfs, depth: number): Command {
  const { name, args, env } = command;
  const wrapped = depth < maxNesting ? behindWrapper(command) : undefined;
  if (wrapped !== undefined) return unwrap(wrapped, root, depth + 1);
  const call = posixShells.has(baseName(name)) ? scriptOf(args) : undefined;
  if (call === undefined) return command;
  const simple = readSimpleCommand(call.script, {
    env,
    parameters: call.parameters,
    isFolder: (path, directory) =>
      isDirectory(root.files, pathFrom(movedTo(command, directory, root.files), path)),
  });
  if (typeof simple === 'string') throw scriptRefused(root, command, call, simple);
  if (depth === maxNesting) {
    throw scriptRefused(root, command, call, `scripts lie ${depth} deep in one another`);
  }
  // Bash runs what that file holds before the script.
  if (env.has('BASH_ENV')) throw scriptRefused(root, command, call, 'the image sets BASH_ENV');
  const [first = '', ...rest] = simple.words;
  const said = `the shell script ${JSON.stringify(call.script.trim()).slice(0, 400)} is one simple command and needs no shell`;
  return unwrap(
    {
      ...movedTo(command, simple.directory, root.files),
      name: first,
      args: rest,
      env: new Map([...env, ...simple.assignments]),
      unwrapped: [...command.unwrapped, said],
    },
    root,
    depth + 1,
  );
}

function movedTo(command: Command, directory: string | undefined, files: Files): Command {
  if (directory === undefined) return command;
  const path = pathFrom(command, directory);
  return { ...command, workingDirectory: files.find(path)?.path ?? path };
}

/** `-c SCRIPT [NAME [PARAMETER]...]`, with options that change nothing for one simple command. */
function scriptOf(args: readonly string[]): Script | undefined {
  let at = 0;
  let isScript = false;
  for (; /^-[ceu]*o?$/.test(args[at] ?? '') && args[at] !== '-'; at += 1) {
    const option = args[at] ?? '';
    isScript ||= option.includes('c');
    if (option.endsWith('o')) {
      at += 1;
      if (!/^(?:pipefail|errexit|nounset)$/.test(args[at] ?? '')) return undefined;
    }
  }
  const script = args[at];
  return isScript && script !== undefined ? { script, parameters: args.slice(at + 2) } : undefined;
}
