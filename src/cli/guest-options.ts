import { type Command, Option } from 'commander';
import { parseHostAddition, parseImageAddition } from '../additions/addition.ts';
import { ConvertError } from '../error.ts';
import type { Variables } from '../oci/execution.ts';
import { parseTmpfs } from '../osv/mounts.ts';
import type { GuestWishes } from '../prepare.ts';
import type { PullOptions } from '../pull/pull.ts';
import { parseMemory } from '../run/machine.ts';
import {
  addDataOptions,
  type DataOptions,
  dataHelp,
  dataOf,
  mountWishesOf,
} from './data-options.ts';
import { collect, parseEnv } from './env.ts';
import { parseWords } from './words.ts';

/** What goes into a guest. */
interface ContentOptions {
  readonly runtime: string;
  readonly include: 'reachable' | 'all';
  readonly keep?: readonly string[];
  readonly drop?: readonly string[];
  readonly add?: readonly string[];
  readonly copyFrom?: readonly string[];
  readonly tmpfs?: readonly string[];
}

/** How its app is started. */
interface StartOptions {
  readonly entrypoint?: string;
  readonly cmd?: readonly string[];
  readonly workdir?: string;
}

/** Its variables. */
export interface VariableOptions {
  /** Words; as a flag it says something else. */
  readonly env?: readonly string[] | true;
  readonly envFile?: readonly string[];
}

export interface GuestOptions extends ContentOptions, DataOptions, StartOptions, VariableOptions {
  readonly memory?: string;
}

/** The options of `addGuestOptions` that say nothing to a disk that is there already. */
export const imageOnlyOptions: readonly string[] = [
  ...[
    'runtime',
    'include',
    'keep',
    'drop',
    'add',
    'copyFrom',
    'tmpfs',
    'entrypoint',
    'cmd',
    'workdir',
  ],
];

/** For commands that make a guest of an image. */
export function addGuestOptions(command: Command): Command {
  return addVariableOption(addOtherGuestOptions(command)).addHelpText(
    'after',
    `${help}\n${dataHelp}`,
  );
}

/** As `addGuestOptions`, for a command in which `--env` and `--memory` are its own. */
export function addOtherGuestOptions(command: Command): Command {
  return addStartOptions(addDataOptions(addContentOptions(command))).option(
    '--env-file <file>',
    "variables in docker's format: NAME=VALUE a line, or NAME to take it from here (repeatable)",
    collect,
  );
}

export function addMemoryOption(command: Command): Command {
  return command.option(
    '--memory <size>',
    'memory the machine will have, such as 512M: limits the heap of .NET (default: no limit)',
  );
}

function addVariableOption(command: Command): Command {
  return command.option(
    '-e, --env <NAME=VALUE>',
    'set a variable of the guest; NAME alone takes it from here (repeatable)',
    collect,
  );
}

function addStartOptions(command: Command): Command {
  return command
    .option(
      '--entrypoint <word>',
      "start this in place of the image's Entrypoint, and without its Cmd: a word or a JSON array",
    )
    .option(
      '--cmd <word>',
      "arguments in place of the image's Cmd: a word or a JSON array (repeatable)",
      collect,
    )
    .option('--workdir <dir>', "working directory in place of the image's");
}

function addContentOptions(command: Command): Command {
  return command
    .option(
      '--runtime <from>',
      '.NET runtime: auto (the image, then those kept, then this host), image, host, runtime/NAME or NAME ' +
        '(see runtime ls; also runtime/NAME@DIGEST), a folder, or an image: NAME:TAG, NAME@DIGEST, oci:DIR ...',
      'auto',
    )
    .addOption(
      new Option(
        '--include <what>',
        'reachable: what the app can reach; all: all that the image has',
      )
        .choices(['reachable', 'all'])
        .default('reachable'),
    )
    .option(
      '--keep <glob>',
      'keep these paths of the image, too: /usr/share/fonts, *.dat (repeatable)',
      collect,
    )
    .option('--drop <glob>', 'leave these out: /app/docs, *.map (repeatable)', collect)
    .option(
      '--add <host:guest>',
      'lay a file or folder of this machine over the image; GUEST/ is the folder to put it in (repeatable)',
      collect,
    )
    .option(
      '--copy-from <ref:path[:guest]>',
      'lay a file or folder of another image over the image (repeatable)',
      collect,
    )
    .option(
      '--tmpfs <path>',
      'a folder that can be written: empty at first, in memory, gone with the machine (repeatable)',
      collect,
    );
}

const help = `
What is started, by the rules of docker run: --entrypoint drops the Cmd of the
image; an empty --entrypoint or --cmd stands for no words. A value that begins
with [ is a JSON array.
  --entrypoint '["dotnet", "/app/tool.dll"]' --cmd migrate --cmd --verbose
  --cmd '["--urls", "http://+:9000"]'

Variables come from the image, then from each --env-file, then from --env; the
last of a name counts. They stand on the disk and in FILE.json: whoever has
these can read them.

Files: --add HOST:GUEST, where GUEST begins at the last ":/"; --copy-from
REF:PATH[:GUEST], where PATH begins at the first ":/" behind REF and its
transport. A folder is merged into what is there. GUEST with a slash at its end
is the folder into which it goes under its own name. Those of --add go over
those of --copy-from.
  --add ./appsettings.Production.json:/app/
  --copy-from mcr.microsoft.com/dotnet/runtime:10.0:/usr/share/dotnet
  --copy-from oci:./tools:1:/usr/lib/libfoo.so:/usr/lib/

A disk is read-only; /tmp can be written, and so can the folders of --tmpfs.
They are empty when the machine starts, whatever the image has there, and grow
in its memory.
  --tmpfs /app/data --tmpfs /var/log`;

/** @throws ConvertError `USAGE`. */
export async function guestWishesOf(
  options: GuestOptions,
  hostEnv: NodeJS.ProcessEnv,
): Promise<Omit<GuestWishes, keyof PullOptions>> {
  const { runtime, include, keep, drop, add, copyFrom, tmpfs, entrypoint, cmd, workdir, memory } =
    options;
  return {
    runtime,
    env: await variablesOf(options, hostEnv),
    include,
    ...(keep !== undefined && { keep }),
    ...(drop !== undefined && { drop }),
    ...(add !== undefined && { add: add.map(parseHostAddition) }),
    ...(copyFrom !== undefined && { copyFrom: copyFrom.map(parseImageAddition) }),
    ...(tmpfs !== undefined && { tmpfs: parseAllTmpfs(tmpfs) }),
    ...mountWishesOf(dataOf(options)),
    ...(entrypoint !== undefined && { entrypoint: parseWords('--entrypoint', entrypoint) }),
    ...(cmd !== undefined && { cmd: cmd.flatMap((value) => parseWords('--cmd', value)) }),
    ...(workdir && { workingDirectory: parseWorkdir(workdir) }),
    ...(memory !== undefined && { memory: parseMemory(memory) }),
    hostEnv,
  };
}

/** Docker refuses a path given twice, too. */
function parseAllTmpfs(words: readonly string[]): readonly string[] {
  const paths = words.map(parseTmpfs);
  const twice = paths.find((path, index) => paths.indexOf(path) !== index);
  if (twice === undefined) return paths;
  throw new ConvertError('USAGE', `reading --tmpfs: found ${twice} twice, wanted it once`);
}

/** The variables of the guest: those of files first, in their order. @throws ConvertError `USAGE`. */
export async function variablesOf(
  { env = [], envFile = [] }: VariableOptions,
  hostEnv: NodeJS.ProcessEnv,
): Promise<Variables> {
  const { readEnvFile } = await import('./env-file.ts');
  const variables: (readonly [string, string | undefined])[] = [];
  for (const path of envFile) variables.push(...(await readEnvFile(path, hostEnv)));
  return new Map([...variables, ...(env === true ? [] : parseEnv(env, hostEnv))]);
}

/** Docker takes no relative one, and an empty one as the image's. */
function parseWorkdir(path: string): string {
  if (path.startsWith('/') && !path.includes('\0')) return path;
  throw new ConvertError(
    'USAGE',
    `reading --workdir: found ${JSON.stringify(path.slice(0, 160))}, wanted an absolute path`,
  );
}
