import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { processesIn } from '../../support/processes-in.ts';
import { top } from '../../support/top.ts';
import { writeProgram } from '../../support/write-program.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'osv-convert-supervise-'));
});
afterEach(async () => {
  for (const pid of await processesIn(folder)) process.kill(pid, 'SIGKILL');
  rmSync(folder, { recursive: true });
});

test('supervise leaves nothing when its process is killed before it hears of the hypervisor', async () => {
  // The shell makes its pipes with this, which ends when nobody is there to hear it.
  const mkfifo = join(folder, 'mkfifo');
  const waiting = 'while kill -0 "$CREATOR" 2>/dev/null; do :; done';
  writeProgram(mkfifo, `#!/bin/sh\n${waiting}\nexec /usr/bin/mkfifo "$@"\n`);
  const module = pathToFileURL(join(top, 'dist/src/machines/supervise.js')).href;
  const script = `
    const { supervise } = await import(${JSON.stringify(module)});
    process.env.CREATOR = process.pid;
    void supervise(${JSON.stringify(folder)}, 'qemu', ['/bin/sleep', '1000'], 1048576);
    process.kill(process.pid, 'SIGKILL');`;
  const args = ['--input-type=module', '--eval', script];
  const env = { PATH: `${folder}:${process.env['PATH']}` };
  const { signal } = spawnSync(process.execPath, args, { stdio: 'ignore', env });
  expect(signal).toBe('SIGKILL');
  await expect.poll(() => processesIn(folder), { timeout: 20_000 }).toEqual([]);
});
