import { readElf } from '../elf/read.ts';
import { baseName, type Command, pathFrom } from './command.ts';
import { type Files, isDirectory, isFile } from './files.ts';
import { readShellWords, type ShellWord } from './shell-words.ts';
import { inits, userSwitches } from './wrappers.ts';

/** The command of a script that starts a .NET app. */
export interface ScriptStart {
  /** As it stands in the script. */
  readonly line: string;
  /** What to start instead; without what `"$@"` stands for. */
  readonly words: readonly string[];
  /** True when `"$@"` is behind them. */
  readonly all: boolean;
  /** What the command sets for itself. */
  readonly env: ReadonlyMap<string, string>;
  /** Where the script has gone, when it is not where the image starts. */
  readonly directory?: string;
}

/** Lines of a script, and of commands in it, that are looked at. */
const lineCap = 500;
const commandCap = 500;
const scriptCap = 64 << 10;

/** Words before a command that leave what it starts as it is. */
const before = new Set(['exec', 'nohup', 'then', 'do', 'else', '{', '(', 'time']);

/**
 * The last command of a script that starts an app of the image. It is for a hint: conditions, loops and what
 * goes before are passed over.
 */
export function appOfScript(
  files: Files,
  command: Command,
  script: string,
): ScriptStart | undefined {
  let found: ScriptStart | undefined;
  let directory: string | undefined;
  for (const line of commandsOf(script)) {
    const tokens = wordsOf(line, command.env);
    const words = typeof tokens === 'string' ? [] : tokens.filter((token) => token.kind === 'word');
    const place = { workingDirectory: directory ?? command.workingDirectory };
    if (words[0]?.text === 'cd' && words[1] !== undefined) {
      const target = files.find(pathFrom(place, words[1].text));
      directory = target !== undefined && isDirectory(files, target.path) ? target.path : directory;
      continue;
    }
    const start = startOf(files, place, words);
    if (start === undefined) continue;
    found = {
      line: line.trim(),
      all: /\$[@*]/.test(line),
      ...start,
      ...(directory !== undefined && { directory }),
    };
  }
  return found;
}

/** The words of a command, without `"$@"`; a variable that the image does not set stays as it is written. */
function wordsOf(
  line: string,
  env: ReadonlyMap<string, string>,
): ReturnType<typeof readShellWords> {
  const text = line
    .replace(/(?<!\s)\s*"?\$[@*]"?/g, '')
    .replace(
      /\$\{([A-Za-z_]\w*):?-([^${}]*)\}/g,
      (_, name: string, value: string) => env.get(name) ?? value,
    );
  const names = [...text.matchAll(/\$\{?([A-Za-z_]\w*)/g)].map(([, name = '']) => name);
  const used = names.map((name): [string, string] => [name, env.get(name) ?? `$${name}`]);
  return readShellWords(text, { env: new Map(used), parameters: [] });
}

/** The commands of a script, roughly: cut at what stands between commands. */
function commandsOf(script: string): readonly string[] {
  return script
    .slice(0, scriptCap)
    .replaceAll('\\\n', ' ')
    .split('\n', lineCap)
    .filter((line) => !line.trimStart().startsWith('#'))
    .flatMap((line) => line.split(/&&|\|\||[;|&]/))
    .slice(0, commandCap);
}

function startOf(
  files: Files,
  place: Pick<Command, 'workingDirectory'>,
  words: readonly ShellWord[],
): Pick<ScriptStart, 'words' | 'env'> | undefined {
  const env = new Map<string, string>();
  let at = 0;
  for (; at < words.length; at += 1) {
    const { text, assigns } = words[at] ?? { text: '' };
    if (assigns !== undefined) env.set(assigns, text.slice(assigns.length + 1));
    else if (userSwitches.has(baseName(text))) at += 1;
    else if (!before.has(text) && !inits.has(baseName(text)) && text !== '--') break;
  }
  const [program = '', ...args] = words.slice(at).map(({ text }) => text);
  const absolute = (name: string): string => files.find(pathFrom(place, name))?.path ?? name;
  if (baseName(program) === 'dotnet') {
    const assembly = args.findIndex((arg) => /\.dll$/i.test(arg));
    return assembly === -1
      ? undefined
      : { env, words: [program, ...args.with(assembly, absolute(args[assembly] ?? ''))] };
  }
  const path = program.includes('/') ? absolute(program) : '';
  return isFile(files, `${path}.dll`) || isOwnProgram(files, path)
    ? { env, words: [path, ...args] }
    : undefined;
}

/** What lies elsewhere is a tool of the distribution. */
function isOwnProgram(files: Files, path: string): boolean {
  return !/^\/(?:usr|bin|sbin|lib)\//.test(path) && files.read(path, readElf)?.kind === 'elf';
}
