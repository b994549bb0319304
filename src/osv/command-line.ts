import { encodeName } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { type DataMount, formatDataMount } from './data-mounts.ts';
import { maxCommandLine } from './loader-layout.ts';

/** Options of OSv's loader (loader.cc, `parse_options`), the ones the converter sets. */
export interface LoaderOptions {
  readonly rootfs: 'rofs';
  /** Names and values of the environment, unique names, in order. */
  readonly env: Iterable<readonly [name: string, value: string]>;
  /** Working directory, absolute. */
  readonly cwd?: string;
  /** Turn the machine off when the program aborts; without it the machine halts and stays. */
  readonly powerOffOnAbort?: boolean;
  readonly console?: 'serial' | 'vga' | 'all';
  readonly verbose?: boolean;
  /** Mounted in this order, when all of /etc/fstab is. */
  readonly mounts?: readonly DataMount[];
}

/** What OSv runs. Strings carry bytes that are not UTF-8 as lone surrogates, as in names of files. */
export interface CommandLine {
  readonly options: LoaderOptions;
  /** Absolute: OSv has no PATH. */
  readonly program: string;
  readonly args: readonly string[];
  /** End the program's remaining threads when its `main` returns (the suffix `!`). */
  readonly stopThreads: boolean;
}

/** Prefix of the variables that carry words the kernel's parser cannot take; then comes argv's index. */
export const carrierPrefix = 'OSV_CONVERT_ARG_';

/**
 * The bytes of a command line that OSv reads back as exactly `line` (core/commands.cc).
 *
 * A word with a `$`, which would always expand, or with a byte outside ASCII, which the parser
 * refuses, is put into an environment variable and named by a whole word `$VARIABLE`; the program
 * sees those variables too.
 * @throws ConvertError `COMMAND_LINE_INEXPRESSIBLE` for NULs, text that is no text, names the
 * environment cannot hold, relative paths, and more than `maxCommandLine` bytes.
 */
export function encodeCommandLine(line: CommandLine): Uint8Array {
  const env = [...line.options.env];
  const names = new Set(env.map(([name]) => name));
  const { carriers, text } = encodeProgram(line, names);
  return encodeText([...encodeOptions(line.options, [...env, ...carriers]), text].join(' '));
}

/** The part of a command line behind the options, and the variables that must stand among these for it. */
export interface EncodedProgram {
  readonly carriers: readonly (readonly [name: string, value: string])[];
  readonly text: string;
}

/**
 * A program with its words, as `encodeCommandLine` writes them; no carrier is called as one of `names`.
 * @throws ConvertError `COMMAND_LINE_INEXPRESSIBLE`.
 */
export function encodeProgram(
  { program, args, stopThreads }: Pick<CommandLine, 'program' | 'args' | 'stopThreads'>,
  names: ReadonlySet<string>,
): EncodedProgram {
  const words = [program, ...args];
  for (const word of words) requireText(word);
  requireAbsolute('program', program);
  const carriers = nameCarriers(words, names);
  const encoded = encodeWords(words, new Map(carriers));
  return {
    carriers: carriers.map(([at, name]) => [name, words[at] ?? ''] as const),
    text: [...encoded, ...(stopThreads ? ['!'] : [])].join(' '),
  };
}

/** The bytes of a whole command line. @throws ConvertError `COMMAND_LINE_INEXPRESSIBLE`. */
export function encodeText(text: string): Uint8Array {
  requireText(text);
  const bytes = encodeName(text);
  if (bytes.length > maxCommandLine) {
    const found = `found ${bytes.length} bytes, wanted at most ${maxCommandLine}`;
    throw inexpressible(found, text);
  }
  return bytes;
}

function requireText(text: string): void {
  if (text.includes('\0')) throw inexpressible('found a NUL character, wanted text without', text);
  if (hasStraySurrogate(text)) {
    throw inexpressible('found half of a surrogate pair, wanted Unicode text', text);
  }
}

/** U+DC80 to U+DCFF alone are bytes (see the store's names); any other half of a pair is nothing. */
function hasStraySurrogate(text: string): boolean {
  return /\p{Surrogate}/u.test(text.replaceAll(/[\udc80-\udcff]/gu, ''));
}

function* encodeOptions(
  options: LoaderOptions,
  env: readonly (readonly [string, string])[],
): Generator<string> {
  yield `--rootfs=${options.rootfs}`;
  if (options.verbose) yield '--verbose';
  if (options.powerOffOnAbort) yield '--power-off-on-abort';
  if (options.console !== undefined) yield `--console=${options.console}`;
  for (const mount of options.mounts ?? []) yield encodeMount(mount);
  for (const [name, value] of env) yield encodeEnv(name, value);
  if (options.cwd !== undefined) yield encodeCwd(options.cwd);
}

/** The option that sets a variable. @throws ConvertError `COMMAND_LINE_INEXPRESSIBLE`. */
export function encodeEnv(name: string, value: string): string {
  requireEnvName(name);
  requireText(value);
  return `--env=${escapeOption(`${name}=${value}`)}`;
}

function encodeMount(mount: DataMount): string {
  requireText(mount.path);
  return `--mount-fs=${escapeOption(formatDataMount(mount))}`;
}

/** The option for the working directory. @throws ConvertError `COMMAND_LINE_INEXPRESSIBLE`. */
export function encodeCwd(path: string): string {
  requireText(path);
  requireAbsolute('working directory', path);
  return `--cwd=${escapeOption(path)}`;
}

/** Loader options end at white space; a backslash makes the next character plain (libc/string/stresep.c). */
export function escapeOption(text: string): string {
  return text.replaceAll(/[\\ \t\n]/g, '\\$&');
}

function encodeWords(words: readonly string[], carriers: ReadonlyMap<number, string>): string[] {
  return words.map((word, at) => {
    const carrier = carriers.get(at);
    return carrier === undefined ? encodeWord(word) : `$${carrier}`;
  });
}

/** Bare where no character of the word means anything to the parser, else quoted. */
function encodeWord(word: string): string {
  // All printable ASCII but ! " $ & ; and the backslash.
  return /^[#%'-:<-[\]-~]+$/.test(word)
    ? word
    : `"${word.replaceAll(/[\\"\x07-\x0d]/g, (character) => `\\${escapeLetters[character] ?? character}`)}"`;
}

const escapeLetters: Readonly<Record<string, string>> = {
  '\x07': 'a',
  '\b': 'b',
  '\t': 't',
  '\n': 'n',
  '\v': 'v',
  '\f': 'f',
  '\r': 'r',
};

/** A variable for each word that must travel in one, by the word's index; none is a name of the app's. */
function nameCarriers(words: readonly string[], taken: ReadonlySet<string>): [number, string][] {
  return words.flatMap((word, at): [number, string][] => {
    if (!/[$\x80-\uffff]/.test(word)) return [];
    let name = `${carrierPrefix}${at}`;
    while (taken.has(name)) name += '_';
    return [[at, name]];
  });
}

function requireEnvName(name: string): void {
  requireText(name);
  if (name === '' || name.includes('=')) {
    throw inexpressible('found an environment variable of this name, wanted one without "="', name);
  }
}

function requireAbsolute(what: string, path: string): void {
  if (!path.startsWith('/')) {
    throw inexpressible(`found a relative ${what}, wanted an absolute path`, path);
  }
}

function inexpressible(found: string, text: string): ConvertError {
  const shown = JSON.stringify(text.length > 160 ? `${text.slice(0, 160)}…` : text);
  return new ConvertError(
    'COMMAND_LINE_INEXPRESSIBLE',
    `writing the command line: ${found}: ${shown}`,
  );
}
