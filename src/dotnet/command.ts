/** What an image starts, wrappers taken off. */
export interface Command {
  /** The program as the image names it. */
  readonly name: string;
  readonly args: readonly string[];
  /** Absolute. */
  readonly workingDirectory: string;
  readonly env: ReadonlyMap<string, string>;
  /** How the image put it, for messages. */
  readonly shown: string;
  /** A sentence for each script that was taken apart, and each program that was left out. */
  readonly unwrapped: readonly string[];
}

export const shells = new Set(['sh', 'bash', 'dash', 'ash', 'zsh', 'busybox']);

export function absolute(directory: string): string {
  return directory.startsWith('/') ? directory : `/${directory}`;
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The folder of an absolute path; `''` stands for the root, so that a name can be put behind a slash. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

/** `name` as the image's working directory sees it. */
export function pathFrom(
  { workingDirectory }: Pick<Command, 'workingDirectory'>,
  name: string,
): string {
  return name.startsWith('/') ? name : `${workingDirectory.replace(/\/+$/, '')}/${name}`;
}
