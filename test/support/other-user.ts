import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { top } from './top.ts';

const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];

/**
 * Words before a command that runs it as one who may read the files of a folder and not write them: as
 * another user where the tests run as root, else as who he is, whose permission is taken. Undefined
 * where another user may not come to the program.
 */
export function otherUser(folder: string): readonly string[] | undefined {
  if (process.getuid?.() !== 0) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isDirectory()) chmodSync(join(entry.parentPath, entry.name), 0o555);
    }
    chmodSync(folder, 0o555);
    return [];
  }
  const program = join(top, 'dist/bin/osv-convert.cjs');
  const [command = '', ...words] = [...nobody, process.execPath, program, '--version'];
  return spawnSync(command, words).status === 0 ? nobody : undefined;
}
