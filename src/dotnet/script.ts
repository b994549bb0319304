import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';
import { appOfScript } from './app-of-script.ts';
import { entryPointHint } from './candidates.ts';
import type { Command } from './command.ts';
import type { Rootfs } from './description.ts';

/** A shell script and what stands for its `$1` and on. */
export interface Script {
  /** Where it lies, when it is a file. */
  readonly path?: string;
  readonly script: string;
  readonly parameters: readonly string[];
}

const shownLines = 40;
const shownLength = 4000;

/**
 * The error for a script that is more than one simple command: all of it, why, the line that starts the app
 * and what to write instead.
 */
export function scriptRefused(
  { tree, files }: Rootfs,
  command: Command,
  { path, script, parameters }: Script,
  problem: string,
): ConvertError {
  const start = appOfScript(files, command, script);
  const where = path === undefined ? 'runs a shell script' : `starts the script ${path}`;
  const line = start === undefined ? '' : `\nThis starts the app: ${start.line}`;
  const sentence = `finding the app: the image's command ${command.shown} ${where}, and ${problem}; wanted one program, because OSv runs no shell. The script:\n${excerpt(script)}${line}`;
  return new ConvertError('SHELL_ENTRYPOINT', sentence, {
    hint: start === undefined ? entryPointHint(tree) : hintFor(start, parameters),
  });
}

/** The error for an image that starts a shell and gives it nothing that can be read. */
export function shellRefused({ tree }: Rootfs, { shown }: Command): ConvertError {
  return new ConvertError(
    'SHELL_ENTRYPOINT',
    `finding the app: the image's command ${shown} starts a shell, wanted one program: OSv runs no shell`,
    { hint: entryPointHint(tree) },
  );
}

type Start = NonNullable<ReturnType<typeof appOfScript>>;

/** `"$@"` stands for what CMD says in an image, which `--entrypoint` takes away. */
function hintFor({ words, env, directory, all }: Start, parameters: readonly string[]): string {
  const variables = [...env].map(([name, value]) => `${name}=${value}`);
  const lines = [
    ...variables.map((variable) => `ENV ${variable}`),
    ...(directory === undefined ? [] : [`WORKDIR ${directory}`]),
    `ENTRYPOINT ${JSON.stringify(words)}`,
  ];
  const options = [
    ...variables.map((variable) => `--env ${shellWord(variable)}`),
    ...(directory === undefined ? [] : [`--workdir ${shellWord(directory)}`]),
    `--entrypoint ${shellWord(JSON.stringify(all ? [...words, ...parameters] : words))}`,
  ];
  const unset = words.some((word) => word.includes('$'))
    ? '\nwith values in place of its variables, which the image does not set'
    : '';
  return `rebuild the image with ${lines.join(' and ')}\nor, without a rebuild: ${options.join(' ')}${unset}`;
}

function excerpt(script: string): string {
  const lines = script.slice(0, shownLength).trimEnd().split('\n');
  const isWhole = script.length <= shownLength && lines.length <= shownLines;
  return [...lines.slice(0, shownLines), ...(isWhole ? [] : ['(and more)'])]
    .map((line) => `  ${line}`)
    .join('\n');
}
