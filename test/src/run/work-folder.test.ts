import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findSystemProgram } from '../../../src/run/system-program.ts';
import { makeVolume } from '../../../src/run/volume-file.ts';
import { makeWorkFolder, ownerWord } from '../../../src/run/work-folder.ts';
import { myself } from '../../../store/processes.ts';
import { top } from '../../support/top.ts';
import { writeProgram } from '../../support/write-program.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-work-'));
});
afterEach(() => rm(folder, { recursive: true }));

const left = async (): Promise<readonly string[]> => (await readdir(folder)).sort();

/** A program of the folder `bin`, which is first on PATH. @returns the variables. */
async function program(name: string, script: string): Promise<NodeJS.ProcessEnv> {
  const bin = join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  writeProgram(join(bin, name), `#!/bin/sh\n${script}\n`);
  return { ...process.env, PATH: `${bin}:${process.env['PATH']}`, TMPDIR: folder };
}

/** Runs a module of the tool in a process of its own. @returns the signal that ended it. */
function runAlone(module: string, text: string, env: NodeJS.ProcessEnv): string | null {
  const address = pathToFileURL(join(top, 'dist/src', module)).href;
  const script = `const tool = await import(${JSON.stringify(address)}); ${text}`;
  const { signal, status, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', script],
    { env, encoding: 'utf8' },
  );
  expect(status === 0 || signal !== null, stderr).toBe(true);
  return signal;
}

describe('makeWorkFolder', () => {
  it('removes what the dead left under its prefix, and nothing else', async () => {
    const { pid, start, realm } = await myself();
    const dead = ownerWord({ pid, start: '1', realm });
    const foreign = ownerWord({ pid: 1, start: '1', realm: '0'.repeat(16) });
    const kept = [
      `work-${ownerWord({ pid, start, realm })}-alive`,
      `other-${dead}-x`,
      `work-${foreign}-young`,
      `work-${dead}-shared`,
      'work-name',
    ];
    for (const name of [...kept, `work-${dead}-x`])
      await mkdir(join(folder, name, 'deep'), { recursive: true });
    // Others may write in there, and change what is being removed.
    await chmod(join(folder, `work-${dead}-shared`), 0o777);
    await symlink('/', join(folder, `work-${dead}-link`));
    await writeFile(join(folder, `work-${dead}-file`), '');
    const forgotten: string[] = [];
    const made = await makeWorkFolder(join(folder, 'work-'), async (path) => {
      forgotten.push(path);
    });
    expect(forgotten).toEqual([join(folder, `work-${dead}-x`)]);
    expect((await left()).map((name) => join(folder, name))).toEqual(
      [...kept, `work-${dead}-link`, `work-${dead}-file`]
        .map((name) => join(folder, name))
        .concat(made)
        .sort(),
    );
  });

  it('is what a temporary folder is made by, for one after another', async () => {
    const env = await program('x', '');
    const killed = `await tool.makeTemporaryFolder(); process.kill(process.pid, 'SIGKILL');`;
    for (let round = 0; round < 3; round += 1) {
      expect(runAlone('run/work-folder.js', killed, env)).toBe('SIGKILL');
      expect(await left()).toHaveLength(2);
    }
  });
});

describe('serveShares', () => {
  it('leaves nothing behind of one whose process was killed (SIGKILL)', async () => {
    const help = 'if [ "$1" = --help ]; then echo "--shared-dir --readonly"; exit; fi';
    const listen = "echo 'Waiting for vhost-user socket connection...' >&2; exec sleep 1000";
    const env = await program('virtiofsd', `${help}\n${listen}`);
    const serve = `const servers = await tool.serveShares([{ folder: '/srv', socket: 's' }], process.env);`;
    const kill = `process.kill(process.pid, 'SIGKILL');`;
    expect(runAlone('run/share-servers.js', `${serve} ${kill}`, env)).toBe('SIGKILL');
    expect(await left()).toEqual(['bin', expect.stringMatching(/^osv-convert-/)]);
    expect(runAlone('run/share-servers.js', `${serve} await servers.dispose();`, env)).toBeNull();
    expect(await left()).toEqual(['bin']);
  });
});

const hasMke2fs = findSystemProgram('mke2fs', process.env) !== undefined;
if (!hasMke2fs)
  console.log('skipped: a volume after another whose maker was killed, for there is no mke2fs');

describe.skipIf(!hasMke2fs)('makeVolume', () => {
  it('leaves nothing behind of one whose process was killed (SIGKILL) in mke2fs', async () => {
    const env = await program('mke2fs', 'kill -9 $PPID');
    const path = join(folder, 'data.ext4');
    const make = `await tool.makeVolume(${JSON.stringify(path)}, ${8 << 20}, process.env);`;
    expect(runAlone('run/volume-file.js', make, env)).toBe('SIGKILL');
    expect(await left()).toEqual([expect.stringMatching(/^\.osv-convert-/), 'bin']);
    await makeVolume(path, 8 << 20, process.env);
    expect(await left()).toEqual(['bin', 'data.ext4']);
  });
});
