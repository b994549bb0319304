/** A word of a shell script as the command gets it: quotes taken off, variables replaced. */
export interface ShellWord {
  readonly kind: 'word';
  readonly text: string;
  /** For `NAME=VALUE`: NAME, where it is written so that a shell takes it for an assignment. */
  readonly assigns?: string;
  /** Why a shell may make something else of the word, unless it is an assignment. */
  readonly splits?: string;
  /** The folder a shell looks for files in, because of `*`, `?` or `[`: without it the word stays as it is. */
  readonly globs?: string;
  /** The variables in it. */
  readonly uses: readonly string[];
}

export type ShellToken = ShellWord | { readonly kind: 'and' };

/** What a script is run with. */
export interface ShellScope {
  readonly env: ReadonlyMap<string, string>;
  /** What `"$@"` stands for. */
  readonly parameters: readonly string[];
}

/** Linux starts no program with more bytes of arguments (MAX_ARG_STRLEN times 16). */
const textCap = 2 << 20;
const tooLong = 'its words are too long';

/** Variables that a shell sets itself, whatever it is given. */
const ownVariables =
  /^(?:_|[EU]?UID|BASH.*|DIRSTACK|FUNCNAME|GROUPS|HISTCMD|HOSTNAME|HOSTTYPE|IFS|LINENO|MACHTYPE|OLDPWD|OPT(?:ARG|ERR|IND)|OSTYPE|PIPESTATUS|PPID|PS[0-4]|PWD|RANDOM|REPLY|SECONDS|SHELL|SHELLOPTS|SHLVL|SRANDOM|EPOCH.*)$/;

/** True for variables whose values, or whose meaning for a shell, cannot be told beforehand. */
export function isShellVariable(name: string): boolean {
  return ownVariables.test(name);
}

/**
 * A part of a word. What no alternative takes has a meaning that is not followed: other operators,
 * substitutions, escapes, tildes, braces, patterns of names.
 */
const piece =
  /(?<plain>[^\s\p{Cc}'"\\`$&;|<>(){}~*?[]+)|'(?<single>[^']*)'|"(?<double>[^"\\`]*)"|\$(?:(?<name>[A-Za-z_]\w*)|\{(?<braced>[A-Za-z_]\w*)\})|(?<glob>[*?[])/uy;
const blanks = /[ \t]+/y;
const parameters = /"\$@"(?=[ \t]|$)/y;
const conjunction = /&&/y;
const quotedVariable = /\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})|\$/g;

/**
 * Splits a script of one line into words as POSIX has it (Shell Command Language, 2.2, 2.6).
 * @returns a sentence part on what in it is more than words and `&&`.
 */
export function readShellWords(script: string, scope: ShellScope): readonly ShellToken[] | string {
  const tokens: ShellToken[] = [];
  let at = 0;
  let left = textCap;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(script);
    at += found?.[0].length ?? 0;
    return found;
  };
  while (at < script.length) {
    if (match(blanks)) continue;
    if (match(conjunction)) {
      tokens.push({ kind: 'and' });
      continue;
    }
    if (match(parameters)) {
      for (const text of scope.parameters) {
        left -= text.length + 1;
        if (left < 0) return tooLong;
        tokens.push({ kind: 'word', text, uses: [] });
      }
      continue;
    }
    if (script[at] === '#') return 'it has a comment';
    const word = readWord(match, scope, left);
    if (typeof word === 'string') return word;
    if (word === undefined) return `it has ${shown(script[at] ?? '')}`;
    left -= word.text.length + 1;
    tokens.push(word);
    const next = script[at];
    if (next !== undefined && !/[ \t&]/.test(next)) return `it has ${shown(next)}`;
  }
  return tokens;
}

/** One word, up to what cannot be in one; undefined where none begins. */
function readWord(
  match: (pattern: RegExp) => RegExpExecArray | null,
  { env }: ShellScope,
  cap: number,
): ShellWord | string | undefined {
  let text = '';
  let isEmpty = true;
  let assigns: string | undefined;
  let splits: string | undefined;
  let globs: string | undefined;
  const uses: string[] = [];
  const lookUp = (name: string): string | undefined => {
    uses.push(name);
    return isShellVariable(name) ? undefined : env.get(name);
  };
  for (let found = match(piece); found !== null; found = match(piece)) {
    const { plain, single, double, name, braced, glob } = found.groups ?? {};
    const variable = name ?? braced;
    if (isEmpty) assigns = /^([A-Za-z_]\w*)=/.exec(plain ?? '')?.[1];
    isEmpty = false;
    if (glob !== undefined) {
      globs ??= text.slice(0, text.lastIndexOf('/') + 1);
      text += glob;
    } else if (variable !== undefined) {
      const value = lookUp(variable);
      if (value === undefined) return unset(variable);
      if (!/^[^\s*?[\\]+$/.test(value))
        splits = `$${variable} is ${shown(value)}, not one plain word`;
      text += value;
    } else if (double !== undefined) {
      const expanded = expand(double, lookUp, cap);
      if (typeof expanded !== 'string') return expanded.problem;
      text += expanded;
    } else {
      text += plain ?? single ?? '';
    }
    if (text.length > cap) return tooLong;
  }
  return isEmpty
    ? undefined
    : {
        kind: 'word',
        text,
        uses,
        ...(assigns !== undefined && { assigns }),
        ...(splits !== undefined && { splits }),
        ...(globs !== undefined && { globs }),
      };
}

/** What stands in double quotes, where values are not split. */
function expand(
  text: string,
  lookUp: (name: string) => string | undefined,
  cap: number,
): string | { readonly problem: string } {
  let problem: string | undefined;
  let left = cap;
  const expanded = text.replace(quotedVariable, (dollar, name, braced) => {
    const variable = name ?? braced;
    const value = variable === undefined ? undefined : lookUp(variable);
    if (value === undefined)
      problem ??= variable === undefined ? `it has ${dollar}` : unset(variable);
    left -= value?.length ?? 0;
    if (left < 0) problem ??= tooLong;
    return problem === undefined ? (value ?? '') : '';
  });
  return problem === undefined ? expanded : { problem };
}

function unset(variable: string): string {
  return isShellVariable(variable)
    ? `the shell itself sets $${variable}`
    : `the image sets no ${variable}`;
}

/** A part of a script as messages tell it. */
export function shown(value: string): string {
  return JSON.stringify(value.slice(0, 60));
}
