import { absolute, baseName, type Command, pathFrom, shells } from './command.ts';
import type { Rootfs } from './description.ts';
import type { Files, FoundPath } from './files.ts';
import { scriptRefused, shellRefused } from './script.ts';

/** PATH of a container whose image sets none (runc and Docker alike). */
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Of the name of a file on Linux (NAME_MAX). */
const nameCap = 255;

/** Bytes of a script that are read. */
const scriptCap = 64 << 10;

/**
 * The file that starts when `command` starts.
 * @returns undefined when the image has no such file.
 * @throws ConvertError `SHELL_ENTRYPOINT` for a shell or a script.
 */
export function findProgram(root: Rootfs, command: Command): FoundPath | undefined {
  const { files } = root;
  const { name, args, env } = command;
  const candidates = name.includes('/')
    ? [pathFrom(command, name)]
    : name.length > nameCap
      ? []
      : foldersOf(env.get('PATH') ?? defaultPath).map((folder) => `${absolute(folder)}/${name}`);
  const found = candidates
    .map((path) => files.find(path))
    .find((found) => found?.kind === 'file' && (name.includes('/') || (found.mode & 0o111) !== 0));
  if (shells.has(baseName(name)) || (found && shells.has(baseName(found.path)))) {
    // `sh /entrypoint.sh`
    const given = args[0] === undefined ? undefined : files.find(pathFrom(command, args[0]));
    const script = given?.kind === 'file' ? textOf(files, given.path) : undefined;
    if (given === undefined || script === undefined) throw shellRefused(root, command);
    throw scriptRefused(
      root,
      command,
      { path: given.path, script, parameters: args.slice(1) },
      'it is run by a shell',
    );
  }
  const script = found && textOf(files, found.path);
  if (script?.startsWith('#!')) {
    throw scriptRefused(
      root,
      command,
      { path: found?.path ?? name, script, parameters: args },
      'it is run by a shell',
    );
  }
  return found;
}

/** Each once: a hostile image may have a million times the same. */
function foldersOf(path: string): readonly string[] {
  return [...new Set(path.split(':'))];
}

function textOf(files: Files, path: string): string | undefined {
  return files.read(path, (access) => {
    const bytes = access.read(0, Math.min(access.size, scriptCap));
    return bytes.includes(0) ? undefined : new TextDecoder().decode(bytes);
  });
}
