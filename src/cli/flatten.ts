import { type Command, Option } from 'commander';
import { ConvertError } from '../error.ts';
import type { Flattened } from '../flatten.ts';
import type { FlattenType } from '../flatten-output.ts';
import { shellWord } from '../shell-word.ts';
import { parseMtime, sourceDateEpoch } from './flatten-times.ts';
import { formatBytes, formatCount, printable } from './format.ts';
import { type ObtainOptions, pullOptionsOf } from './source-options.ts';
import { writeStdout } from './stdout.ts';
import { talkOfPulls } from './talk-of-pulls.ts';
import { addViewOptions, subjectArgument } from './viewing.ts';

interface FlattenCommandOptions extends ObtainOptions {
  readonly to: string;
  readonly type?: FlattenType;
  readonly mtime?: number;
}

export function defineFlatten(command: Command): void {
  command
    .description(
      'Writes what an image is when its layers are merged, or what a layer or a disk holds. A folder ' +
        'must be new or empty and needs no root: owners are kept in the extended attribute ' +
        'user.rootlesscontainers (needs setfattr), devices and pipes become empty files. What is ' +
        'written appears only when it is whole; a command that is killed leaves .osv-convert-*.part ' +
        'beside it.',
    )
    .argument(...subjectArgument)
    .requiredOption(
      '-o, --to <output>',
      'FILE.tar, FILE.tar.gz, FILE.rofs, else a folder; - for a tar on stdout',
    )
    .addOption(
      new Option('--type <type>', 'what to write, where the name does not say').choices([
        'dir',
        'tar',
        'tar.gz',
        'rofs',
      ]),
    )
    .option(
      '--mtime <time>',
      'in place of every time: seconds since 1970, or a date (default: times as they are, ' +
        'none after SOURCE_DATE_EPOCH where that is set)',
      parseMtime,
    )
    .addHelpText('after', examples);
  addViewOptions(command).action(flattenCommand);
}

const examples = `
Examples:
  osv-convert flatten mcr.microsoft.com/dotnet/runtime-deps:10.0 --to rootfs
  osv-convert flatten store:web:1.0 --to web.tar --mtime 2026-01-31
  osv-convert flatten layer:3f4a9c --to - | tar -tv
  osv-convert flatten web.raw --to web.rofs`;

async function flattenCommand(
  subject: string,
  options: FlattenCommandOptions,
  command: Command,
): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { flatten, flattenToStream } = await import('../flatten.ts');
  const { to, type, mtime } = options;
  const latestMtime = sourceDateEpoch(process.env);
  await withSession(command, async ({ globals, store, onEvent, signal, print }) => {
    if (to === '-') refuseForStdout(subject, globals.json, type);
    const told = {
      ...(await pullOptionsOf(options, process.env)),
      ...(type && { type }),
      ...(mtime !== undefined && { mtime }),
      ...(latestMtime !== undefined && { latestMtime }),
      onEvent: talkOfPulls({ globals, onEvent }),
      signal,
    };
    if (to === '-') {
      await flattenToStream(store, subject, writeStdout, told);
      return;
    }
    const flattened = await flatten(store, subject, to, told);
    await print(flattened, textOf(flattened));
  });
}

function textOf({ output, type, subject, files, bytes }: Flattened): string {
  const size = `${formatCount(files, 'file')}, ${formatBytes(bytes)}`;
  return `${printable(`${output}: ${type}, ${size}, of ${subject}`)}\n`;
}

/** @throws ConvertError `USAGE`. */
function refuseForStdout(subject: string, json: boolean, type: FlattenType = 'tar'): void {
  if (type !== 'tar' && type !== 'tar.gz') throw refused(subject, `--type ${type}`);
  if (json) throw refused(subject, '--json');
  if (process.stdout.isTTY) throw refused(subject, 'a terminal');
}

function refused(subject: string, found: string): ConvertError {
  return new ConvertError(
    'USAGE',
    `writing to stdout: found ${found}, wanted a file or a pipe for a tar`,
    { hint: `osv-convert flatten ${shellWord(subject)} --to FILE.tar` },
  );
}
