import { InvalidArgumentError } from 'commander';

/** A file that a command line names. No name is none: a variable of a shell that is not set. */
export function parseFile(text: string): string {
  if (text === '') throw new InvalidArgumentError('wanted a file');
  return text;
}

/** As `parseFile`, of an argument that may be given several times. */
export function parseFiles(text: string, files: readonly string[] = []): readonly string[] {
  return [...files, parseFile(text)];
}
