import { decodeName } from '../../store/index.ts';
import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';
import {
  carrierPrefix,
  encodeCwd,
  encodeEnv,
  encodeProgram,
  encodeText,
  escapeOption,
} from './command-line.ts';
import {
  type LoaderOption,
  type ParsedCommandLine,
  type ProgramCall,
  parseCommandLine,
} from './command-line-parse.ts';

/** A command line in the words of who wrote it: what the encoder added is taken away again. */
export interface CommandLineParts {
  readonly options: readonly LoaderOption[];
  /** Without the variables that only carry words. */
  readonly env: ReadonlyMap<string, string>;
  readonly cwd?: string;
  readonly programs: readonly ProgramCall[];
}

/** @throws ConvertError `DISK_INVALID` for a line OSv would refuse; `disk` says whose it is. */
export function readCommandLine(line: Uint8Array, disk: string): ParsedCommandLine {
  const parsed = parseCommandLine(line);
  if ('reason' in parsed) {
    throw new ConvertError(
      'DISK_INVALID',
      `reading the command line of ${JSON.stringify(disk)}: found ${parsed.reason}, wanted one that OSv can read`,
      { hint: `osv-convert disk set-cmdline ${shellWord(disk)} LINE` },
    );
  }
  return parsed;
}

export function partsOf(parsed: ParsedCommandLine): CommandLineParts {
  const carriers = carriersIn(parsed);
  const cwd = parsed.options.findLast(({ name }) => name === 'cwd')?.value;
  return {
    options: parsed.options.filter((option) => option.name !== 'env' && option.name !== 'cwd'),
    env: new Map([...parsed.env].filter(([name]) => !carriers.has(name))),
    ...(cwd !== undefined && { cwd }),
    programs: parsed.programs,
  };
}

export interface EnvEdit {
  readonly set: ReadonlyMap<string, string>;
  readonly unset: readonly string[];
}

/**
 * The line with variables set and taken away; options and words are as they were. A variable that is
 * there keeps its place, a new one comes behind the others.
 * @throws ConvertError `COMMAND_LINE_INEXPRESSIBLE`; `USAGE` for a variable that carries a word.
 */
export function withEnv(parsed: ParsedCommandLine, { set, unset }: EnvEdit): Uint8Array {
  const carriers = carriersIn(parsed);
  for (const name of [...set.keys(), ...unset]) {
    if (carriers.has(name)) throw carrierRefusal(name);
  }
  const gone = new Set(unset);
  const left = new Map(set);
  const options = parsed.options.flatMap((option): string[] => {
    const name = variableOf(option);
    if (name === undefined) return [textOf(option)];
    const value = left.get(name);
    if (value === undefined) return set.has(name) || gone.has(name) ? [] : [textOf(option)];
    left.delete(name);
    return [encodeEnv(name, value)];
  });
  const added = [...left].map(([name, value]) => encodeEnv(name, value));
  return joined(parsed, options, added);
}

export interface ProgramEdit {
  readonly program?: string;
  readonly args?: readonly string[];
  readonly cwd?: string;
}

/**
 * The line with another program, other words of it, or another working directory; the other options and
 * variables are as they were.
 * @throws ConvertError `COMMAND_LINE_INEXPRESSIBLE`; `USAGE` for words of a line with several programs.
 */
export function withProgram(parsed: ParsedCommandLine, edit: ProgramEdit): Uint8Array {
  const cwd = edit.cwd === undefined ? [] : [encodeCwd(edit.cwd)];
  const isKept = ({ name }: LoaderOption): boolean => edit.cwd === undefined || name !== 'cwd';
  const kept = parsed.options.filter(isKept);
  if (edit.program === undefined && edit.args === undefined) {
    return joined(parsed, kept.map(textOf), cwd);
  }
  const [call, ...others] = parsed.programs;
  if (call === undefined || others.length > 0) {
    throw new ConvertError(
      'USAGE',
      `changing the command line: found ${parsed.programs.length} programs, wanted one to change`,
      { hint: 'give the whole line: osv-convert disk set-cmdline FILE LINE' },
    );
  }
  const carriers = carriersIn(parsed);
  const options = kept.filter((option) => !carriers.has(variableOf(option) ?? ''));
  const names = new Set(options.flatMap((option) => variableOf(option) ?? []));
  const [program = '', ...args] = call.words;
  const encoded = encodeProgram(
    {
      program: edit.program ?? program,
      args: edit.args ?? args,
      stopThreads: call.end === '!',
    },
    names,
  );
  const text = call.end === '!' || call.end === '' ? encoded.text : `${encoded.text} ${call.end}`;
  const added = [...encoded.carriers.map(([name, value]) => encodeEnv(name, value)), ...cwd];
  return joined({ rest: encodeText(text) }, options.map(textOf), added);
}

/** What was added comes behind the last variable; without any, before the folder, as the encoder has it. */
function joined(
  { rest }: Pick<ParsedCommandLine, 'rest'>,
  options: readonly string[],
  added: readonly string[],
): Uint8Array {
  const last = options.findLastIndex((text) => text.startsWith('--env='));
  const folder = options.findIndex((text) => text.startsWith('--cwd='));
  const at = last >= 0 ? last + 1 : folder >= 0 ? folder : options.length;
  const words = [...options.slice(0, at), ...added, ...options.slice(at)];
  return encodeText([...words, decodeName(rest)].join(' '));
}

function textOf({ name, value }: LoaderOption): string {
  return escapeOption(value === undefined ? `--${name}` : `--${name}=${value}`);
}

function variableOf({ name, value }: LoaderOption): string | undefined {
  return name === 'env' ? /^([^=]*)=/s.exec(value ?? '')?.[1] : undefined;
}

/** Variables of the encoder's names that a whole word of the line stands for. */
function carriersIn({ env, rest }: ParsedCommandLine): ReadonlySet<string> {
  const words = new Set(Buffer.from(rest).toString('latin1').split(/[ !]/));
  return new Set(
    [...env.keys()].filter((name) => name.startsWith(carrierPrefix) && words.has(`$${name}`)),
  );
}

function carrierRefusal(name: string): ConvertError {
  return new ConvertError(
    'USAGE',
    `changing the environment: found ${name}, which carries a word of the program, wanted another name`,
    { hint: 'osv-convert disk set-cmdline FILE --arg WORD' },
  );
}
