import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Machine } from '../../../src/run/machine.ts';
import { type RunOptions, runMachine } from '../../../src/run/qemu.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-qemu-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const machine: Machine = {
  disk: { path: '/nowhere/disk.img', format: 'raw' },
  boot: { kind: 'bios' },
  memory: 64,
  cpus: 1,
  accelerator: 'tcg',
  forwards: [],
};

/** Puts a program in QEMU's place and runs the machine; the console's text so far stands in `text`. */
async function runWith(
  script: string,
  options: Partial<RunOptions> = {},
  mode = 0o755,
  of = machine,
) {
  await writeFile(join(folder, 'qemu-system-x86_64'), `#!${process.execPath}\n${script}`, { mode });
  let text = '';
  const end = runMachine(of, {
    env: { PATH: folder },
    onOutput: (bytes) => {
      text += Buffer.from(bytes).toString();
    },
    ...options,
  });
  return { end: await end, text };
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const direct: Machine = {
  ...machine,
  boot: { kind: 'direct', kernel: '/nowhere/kernel', commandLine: '--env=KEY=hush /app !' },
};

describe('runMachine', () => {
  it('hands the command line of a direct boot over where nobody else sees it', async () => {
    const { text } = await runWith(
      `
      const channel = new (require('node:net').Socket)({ fd: 3 });
      channel.write('{"QMP": {}}\\n');
      let got = '';
      channel.on('data', (bytes) => {
        got += bytes;
        if (!got.includes('x-exit-preconfig')) return;
        const [, set] = got.split('\\n').map((line) => line && JSON.parse(line));
        console.log(set.execute, JSON.stringify(set.arguments), process.argv.join(' ').includes('hush'));
        process.exit(0);
      });
    `,
      {},
      0o755,
      direct,
    );
    const append = '{"path":"/machine","property":"append","value":"--env=KEY=hush /app !"}';
    expect(text).toBe(`qom-set ${append} false\n`);
  });

  it('fails when QEMU refuses the command line, and does not tell it', async () => {
    const script = `
      const channel = new (require('node:net').Socket)({ fd: 3 });
      channel.write('{"error": {"class": "GenericError", "desc": "no such property"}}\\n');
      setInterval(() => {}, 1000);
    `;
    const run = runWith(script, {}, 0o755, direct);
    await expect(run).rejects.toMatchObject({
      code: 'QEMU_FAILED',
      message: expect.stringMatching(/no such property(?!.*hush)/),
    });
  });

  it('tells what QEMU said when it ends before it takes the command line', async () => {
    const run = runWith(
      `process.stderr.write('no such machine'); process.exit(1);`,
      {},
      0o755,
      direct,
    );
    await expect(run).rejects.toMatchObject({
      message: expect.stringContaining('no such machine'),
    });
  });

  it('passes the console on and ends when the guest powers off', async () => {
    const { end, text } = await runWith(`
      const fs = require('node:fs');
      console.log('stdin holds', fs.readFileSync(0).length, 'bytes;', process.argv[2], process.argv[3]);
    `);
    expect(text).toBe('stdin holds 0 bytes; -M pc\n');
    expect(end).toEqual({ ended: 'powered-off', exitCode: 0 });
  });

  it('fails with what QEMU said when it ends otherwise, its last 64 KiB at most', async () => {
    const run = runWith(`
      process.stderr.write('x'.repeat(200_000) + '\\nqemu: could not set up host forwarding rule\\n');
      process.exitCode = 1;
    `);
    await expect(run).rejects.toMatchObject({
      code: 'QEMU_FAILED',
      message: expect.stringMatching(
        /^running qemu-system-x86_64: found exit code 1, wanted 0: x+\nqemu: could/,
      ),
    });
    await expect(run).rejects.toSatisfy((error: Error) => error.message.length < 66_000);
  });

  it('fails when QEMU is killed', async () => {
    const run = runWith(`process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000);`);
    await expect(run).rejects.toMatchObject({
      code: 'QEMU_FAILED',
      message: expect.stringContaining('killed'),
    });
  });

  it('fails when there is no QEMU', async () => {
    const run = runMachine(machine, { env: { PATH: folder }, onOutput: () => {} });
    await expect(run).rejects.toMatchObject({
      code: 'QEMU_NOT_FOUND',
      hint: 'sudo apt-get install qemu-system-x86',
    });
  });

  it('fails when QEMU cannot be started', async () => {
    await expect(runWith('', {}, 0o644)).rejects.toMatchObject({ code: 'QEMU_FAILED' });
  });

  it('asks QEMU to end when the signal aborts', async () => {
    const abort = new AbortController();
    const { end } = await runWith(`console.log('up'); setInterval(() => {}, 1000);`, {
      signal: abort.signal,
      onOutput: () => abort.abort(),
    });
    expect(end).toEqual({ ended: 'stopped', exitCode: null });
  });

  it('kills QEMU when it does not end in time', async () => {
    const abort = new AbortController();
    const script = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('up');`;
    const { end } = await runWith(script, {
      signal: abort.signal,
      grace: 50,
      onOutput: () => abort.abort(),
    });
    expect(end.ended).toBe('stopped');
  });

  it('starts nothing when the signal was aborted before', async () => {
    const signal = AbortSignal.abort();
    await expect(
      runWith(`require('node:fs').writeFileSync('${folder}/ran', '')`, { signal }),
    ).rejects.toBe(signal.reason);
  });

  it('leaves no process behind when the taker of the console fails', async () => {
    let pid = 0;
    const broken = new Error('the terminal is gone');
    const run = runWith('console.log(process.pid); setInterval(() => {}, 1000);', {
      onOutput: (bytes) => {
        pid = Number(Buffer.from(bytes).toString());
        throw broken;
      },
    });
    await expect(run).rejects.toBe(broken);
    expect(pid).toBeGreaterThan(0);
    expect(isRunning(pid)).toBe(false);
  });

  const hasQemu = spawnSync('qemu-system-x86_64', ['--version']).status === 0;
  it.skipIf(!hasQemu)('boots a disk by BIOS in a real QEMU until it powers off', async () => {
    const path = join(folder, 'boot, sector.img');
    await writeFile(path, bootDisk('hello from the boot sector'));
    let text = '';
    const end = await runMachine(
      { ...machine, disk: { path, format: 'raw' } },
      {
        signal: AbortSignal.timeout(60_000),
        onOutput: (bytes) => {
          text += Buffer.from(bytes).toString();
        },
      },
    );
    expect(text).toBe('hello from the boot sector');
    expect(end).toEqual({ ended: 'powered-off', exitCode: 0 });
  });
});

/**
 * Its boot sector writes `text` to the first serial port, then powers off (QEMU's PIIX4: SLP_EN at port
 * 0x604). SeaBIOS boots no virtio disk of less than a cylinder.
 */
function bootDisk(text: string): Buffer {
  const disk = Buffer.alloc(1 << 20);
  disk.set([
    ...[0x31, 0xc0, 0x8e, 0xd8, 0xfc], // xor ax, ax; mov ds, ax; cld
    ...[0xbe, 0x1d, 0x7c], // mov si, text
    ...[0xac, 0x84, 0xc0, 0x74, 0x06], // next: lodsb; test al, al; jz off
    ...[0xba, 0xf8, 0x03, 0xee, 0xeb, 0xf5], // mov dx, 0x3f8; out dx, al; jmp next
    ...[0xba, 0x04, 0x06, 0xb8, 0x00, 0x20, 0xef], // off: mov dx, 0x604; mov ax, 0x2000; out dx, ax
    ...[0xf4, 0xeb, 0xfd], // stop: hlt; jmp stop
  ]);
  disk.write(`${text}\0`, 0x1d, 'latin1');
  disk.writeUInt16LE(0xaa55, 510);
  return disk;
}
