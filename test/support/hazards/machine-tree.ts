import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

/** What Debian machines have of many small files and links; those that are there are packed. */
const folders = ['etc/alternatives', 'usr/share/zoneinfo'];

/** A tar of trees of this machine, and of what they may not have, as GNU tar packs it. */
export function tarOfMachine(scratch: string, options: readonly string[]): Buffer {
  const made = join(scratch, 'made');
  if (!existsSync(made)) makeRareThings(made);
  const found = folders.filter((folder) => existsSync(join('/', folder)));
  return execFileSync('tar', ['--create', ...options, '-C', scratch, 'made', '-C', '/', ...found], {
    maxBuffer: 2 ** 28,
  });
}

function makeRareThings(folder: string): void {
  const at = (name: string) => join(folder, name);
  mkdirSync(at('deep/'.repeat(50)), { recursive: true });
  writeFileSync(at(`${'deep/'.repeat(50)}file`), 'below');
  writeFileSync(at('n'.repeat(250)), 'long name');
  symlinkSync('t/'.repeat(120), at('link'));
  writeFileSync(Buffer.from(`${folder}/\xff\xfe`, 'latin1'), 'no UTF-8');
  writeFileSync(at('old'), 'before 1970');
  utimesSync(at('old'), -1000, -1000);
  for (const [name, mode] of [
    ['setuid', 0o4755],
    ['setgid', 0o2755],
  ] as const) {
    writeFileSync(at(name), '');
    chmodSync(at(name), mode);
  }
  mkdirSync(at('sticky'));
  chmodSync(at('sticky'), 0o1777);
  for (let n = 0; n < 400; n += 1) {
    if (n % 20 === 0) mkdirSync(at(`many-${n / 20}`));
    writeFileSync(at(`many-${Math.floor(n / 20)}/${n}`), `file ${n}`);
  }
  makeSparse(at('sparse'));
  linkSync(at('sparse'), at('sparse, linked'));
  linkSync(at('link'), at('link, linked'));
}

/** Sixty runs of data and a hole at the end: more than one block of any map. */
function makeSparse(path: string): void {
  const file = openSync(path, 'w');
  for (let run = 0; run < 60; run += 1) {
    writeSync(file, Buffer.alloc(4096, run + 1), 0, 4096, run * 65_536);
  }
  ftruncateSync(file, 4_000_000);
  closeSync(file);
}
