import { readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Words to which the build has written the answer down, in a file beside this one. */
const answers = new Map([
  ['--help', 'help.txt'],
  ['-h', 'help.txt'],
  ['help', 'help.txt'],
  ['--version', 'version.txt'],
]);

/** Most of the time that a command line of one such word takes would be the loading of all others. */
function answerAtOnce([word = '', ...others]: readonly string[]): boolean {
  const file = others.length === 0 ? answers.get(word) : undefined;
  if (file === undefined) return false;
  let rest: Uint8Array = readFileSync(join(import.meta.dirname, file));
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(1, rest));
  } catch {
    // A pipe that is full for now, or a reader that is gone, which is no failure.
    process.stdout.on('error', () => undefined).write(rest);
  }
  return true;
}

if (!answerAtOnce(process.argv.slice(2))) void import('./main.ts');
