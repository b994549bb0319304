import {
  isShellVariable,
  readShellWords,
  type ShellScope,
  type ShellWord,
  shown,
} from './shell-words.ts';

/** What a script of one simple command does. */
export interface SimpleCommand {
  readonly words: readonly string[];
  /** Variables it sets for the command alone. */
  readonly assignments: ReadonlyMap<string, string>;
  /** Where it changes to, as written. */
  readonly directory?: string;
}

/** What more than words a script depends on. */
export interface ShellPlace extends ShellScope {
  /** Whether `path` is a folder, seen from `directory` where the script changes to one. */
  isFolder(path: string, directory: string | undefined): boolean;
}

/** Words that are no programs where a command begins (POSIX, Shell Command Language, 2.4, 2.14, and bash's). */
const shellsOwn = new Set(
  (
    '! { } [[ case coproc do done elif else esac fi for function if in select then time until while ' +
    '. : [ alias bg break builtin cd command continue declare echo enable eval exec exit export false fc fg ' +
    'getopts hash jobs kill let local logout popd printf pushd pwd read readonly return set shift shopt ' +
    'source suspend test times trap true type typeset ulimit umask unalias unset wait'
  ).split(' '),
);

/** Linux starts no program with a longer argument (MAX_ARG_STRLEN). */
const scriptCap = 128 << 10;

/**
 * Takes a script apart that means exactly one program: `[cd DIR &&] [NAME=VALUE]... [exec] PROGRAM [WORD]...`.
 * It is run in the same way without the shell, but for the variables that shells set for themselves (PWD,
 * OLDPWD, SHLVL, `_`).
 * @returns a sentence part on why a script is more than that.
 */
export function readSimpleCommand(script: string, place: ShellPlace): SimpleCommand | string {
  if (script.length >= scriptCap) return 'it is longer than any argument may be';
  // Without the look behind, a long run of blanks would be tried from each of them.
  const trimmed = script.replace(/^[ \t\n]+|(?<![ \t\n])[ \t\n]+$/g, '');
  if (trimmed === '') return 'it does nothing';
  if (trimmed.includes('\n')) return 'it has several lines';
  const tokens = readShellWords(trimmed, place);
  if (typeof tokens === 'string') return tokens;
  const [first, second, third, ...rest] = tokens;
  const changes = first?.kind === 'word' && first.text === 'cd' && third?.kind === 'and';
  const directory = changes && second?.kind === 'word' ? second : undefined;
  const problem = directory && problemOfChange(directory, place);
  if (problem !== undefined) return problem;
  const body = directory === undefined ? tokens : rest;
  const words = body.filter((token) => token.kind === 'word');
  if (words.length < body.length) return 'it has "&&"';
  return commandOfWords(words, directory?.text, place);
}

function problemOfChange(directory: ShellWord, place: ShellPlace): string | undefined {
  const { text, splits, globs } = directory;
  if (splits !== undefined) return splits;
  if (globs !== undefined || text === '' || text.startsWith('-') || place.env.has('CDPATH')) {
    return `it changes to ${shown(text)}`;
  }
  // Behind a link, shells and the kernel do not agree on what it means.
  const names = text.split('/').filter((name) => name !== '' && name !== '.');
  if (names.some((name, at) => name === '..' && at > 0 && names[at - 1] !== '..')) {
    return `it changes to ${shown(text)}`;
  }
  return place.isFolder(text, undefined) ? undefined : `the image has no folder ${shown(text)}`;
}

function commandOfWords(
  words: readonly ShellWord[],
  directory: string | undefined,
  place: ShellPlace,
): SimpleCommand | string {
  const behind = words.findIndex(({ assigns }) => assigns === undefined);
  const [assigning, rest] =
    behind === -1 ? [words, []] : [words.slice(0, behind), words.slice(behind)];
  const assignments = new Map<string, string>();
  for (const { text, assigns = '', uses } of assigning) {
    if (assigns === 'PATH' || isShellVariable(assigns)) return `it sets ${assigns}`;
    // Shells do not agree on whether they see the value from before.
    if (uses.some((name) => assignments.has(name))) return `it uses a variable that it sets`;
    assignments.set(assigns, text.slice(assigns.length + 1));
  }
  const command = rest[0]?.text === 'exec' ? rest.slice(1) : rest;
  const [program] = command;
  if (program === undefined) return 'it starts no program';
  if (shellsOwn.has(program.text) || /^-|=/.test(program.text)) {
    return `it begins with ${shown(program.text)}`;
  }
  const problem = command.map((word) => problemOfWord(word, directory, place)).find(Boolean);
  if (problem !== undefined) return problem;
  return {
    words: command.map(({ text }) => text),
    assignments,
    ...(directory !== undefined && { directory }),
  };
}

function problemOfWord(
  { text, splits, globs }: ShellWord,
  directory: string | undefined,
  place: ShellPlace,
): string | undefined {
  return globs !== undefined && place.isFolder(globs === '' ? '.' : globs, directory)
    ? `${shown(text)} may be the names of files`
    : splits;
}
