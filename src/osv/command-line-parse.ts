import { decodeName } from '../../store/index.ts';
import { expandWords, parseCommands } from './command-line-words.ts';

/** An option of OSv's loader, its escapes undone. Strings carry bytes that are not UTF-8 as lone surrogates. */
export interface LoaderOption {
  /** Without the dashes. */
  readonly name: string;
  /** Undefined for a flag. */
  readonly value?: string;
}

/** A program that a command line names. */
export interface ProgramCall {
  /** As the program gets them, variables expanded; the first is the program itself. */
  readonly words: readonly string[];
  /** `''` and `;`: run and wait. `&`, `&!`: in the background. `!`: end its threads when `main` returns. */
  readonly end: '' | ';' | '&' | '&!' | '!';
}

/** How OSv reads a command line. */
export interface ParsedCommandLine {
  readonly options: readonly LoaderOption[];
  /** What the options set; of a name that is set twice, the last value. */
  readonly env: ReadonlyMap<string, string>;
  readonly programs: readonly ProgramCall[];
  /** What stands behind the options, byte for byte. */
  readonly rest: Uint8Array;
}

/** Why OSv would complain and power off; `reason` fits behind "found". */
export interface RefusedCommandLine {
  readonly reason: string;
}

/**
 * Reads a command line, without its NUL, as OSv does: the loader's options (core/commands.cc,
 * `loader_parse_cmdline`; libc/string/stresep.c; core/options.cc), then programs by the grammar of
 * core/commands.cc. A `runscript` is not followed. What `encodeCommandLine` was given comes out again.
 */
export function parseCommandLine(line: Uint8Array): ParsedCommandLine | RefusedCommandLine {
  // One character a byte, for that is what the kernel's parsers look at.
  const text = Buffer.from(line).toString('latin1');
  const { tokens, end } = splitOptions(text);
  const options: LoaderOption[] = [];
  const env = new Map<string, string>();
  for (const token of tokens) {
    const option = optionOf(token);
    if ('reason' in option) return option;
    options.push({
      name: textOf(option.name),
      ...(option.value !== undefined && { value: textOf(option.value) }),
    });
    const [, name, value] = /^([^=]*)=(.*)$/s.exec(option.value ?? '') ?? [];
    if (option.name === 'env' && name !== undefined && value !== undefined) env.set(name, value);
  }
  const programs = parseCommands(text.slice(end));
  if ('reason' in programs) return programs;
  return {
    options,
    env: new Map([...env].map(([name, value]) => [textOf(name), textOf(value)])),
    programs: programs.map(({ words, end }) => ({
      words: expandWords(words, env).map(textOf),
      end,
    })),
    rest: Buffer.from(text.slice(end), 'latin1'),
  };
}

/** Tokens that begin with `-`, each up to white space that no backslash stands before. */
function splitOptions(text: string): { readonly tokens: readonly string[]; readonly end: number } {
  const tokens: string[] = [];
  for (let at = 0; ; ) {
    while (isBlank(text, at)) at += 1;
    if (text[at] !== '-') return { tokens, end: at };
    let token = '';
    for (; at < text.length && !isBlank(text, at); at += 1) {
      if (text[at] === '\\') at += 1;
      token += text[at] ?? '';
    }
    tokens.push(token);
  }
}

function isBlank(text: string, at: number): boolean {
  return at < text.length && ' \t\n'.includes(text.charAt(at));
}

function optionOf(token: string): LoaderOption | RefusedCommandLine {
  const [, name, value] = /^--([^=]*)(?:=(.*))?$/s.exec(token) ?? [];
  if (name === undefined || name === '') {
    return { reason: `the word ${JSON.stringify(textOf(token))} where an option begins with "--"` };
  }
  if (value === '') return { reason: `the option --${textOf(name)} without its value` };
  return { name, ...(value !== undefined && { value }) };
}

function textOf(bytes: string): string {
  return decodeName(Buffer.from(bytes, 'latin1'));
}
