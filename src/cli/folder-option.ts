import { InvalidArgumentError } from 'commander';

/** A folder that an option names. No name would be this folder: a variable of a shell that is not set. */
export function parseFolder(text: string): string {
  if (text === '') throw new InvalidArgumentError('wanted a folder');
  return text;
}
