import {
  absolute,
  baseName,
  type Command,
  firstLine,
  pathFrom,
  shellEntrypoint,
  shells,
} from './command.ts';
import type { Files, FoundPath } from './files.ts';

/** PATH of a container whose image sets none (runc and Docker alike). */
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The file that starts when `command` starts.
 * @returns undefined when the image has no such file.
 * @throws ConvertError `SHELL_ENTRYPOINT` for a shell or a script.
 */
export function findProgram(files: Files, command: Command): FoundPath | undefined {
  const { name, env } = command;
  const candidates = name.includes('/')
    ? [pathFrom(command, name)]
    : (env.get('PATH') ?? defaultPath).split(':').map((folder) => `${absolute(folder)}/${name}`);
  const found = candidates
    .map((path) => files.find(path))
    .find((found) => found?.kind === 'file' && (name.includes('/') || (found.mode & 0o111) !== 0));
  if (shells.has(baseName(name)) || (found && shells.has(baseName(found.path)))) {
    throw shellEntrypoint('starts a shell', command.shown);
  }
  const script = found && scriptOf(files, found.path);
  if (script !== undefined) {
    throw shellEntrypoint(`starts a script that begins ${JSON.stringify(script)}`, command.shown);
  }
  return found;
}

/** The first line that does something of a script, behind its `#!` line. */
function scriptOf(files: Files, path: string): string | undefined {
  const head = files.read(path, (access) => access.read(0, Math.min(access.size, 4096)));
  if (head === undefined || head[0] !== 0x23 || head[1] !== 0x21) {
    return undefined;
  }
  const lines = new TextDecoder().decode(head).split('\n');
  const said = lines.slice(1).find((line) => line.trim() !== '' && !line.startsWith('#'));
  return firstLine(said ?? lines[0] ?? '');
}
