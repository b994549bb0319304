import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findProgram } from '../../../src/run/find-program.ts';
import type { Machine } from '../../../src/run/machine.ts';
import { parseNetwork } from '../../../src/run/parse-network.ts';
import { networksOf } from '../../../src/run/plan-networks.ts';
import { parsePortForward } from '../../../src/run/port-forward.ts';
import { type RunOptions, runMachine } from '../../../src/run/run-machine.ts';
import { writeProgram } from '../../support/write-program.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-qemu-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const machine: Machine = {
  architecture: 'x86_64',
  disk: { path: '/nowhere/disk.img', format: 'raw' },
  disks: [],
  boot: { kind: 'bios' },
  memory: 64,
  cpus: 1,
  accelerator: 'tcg',
  networks: [],
};

const direct: Machine = {
  ...machine,
  boot: { kind: 'direct', kernel: '/nowhere/kernel', commandLine: '--env=KEY=hush /app !' },
};

/** A program in QEMU's place, which runs the machine; the console's text so far stands in `text`. */
async function runWith(
  script: string,
  options: Partial<RunOptions> = {},
  of: Machine = machine,
  interpreter: string = process.execPath,
) {
  writeProgram(join(folder, 'qemu-system-x86_64'), `#!${interpreter}\n${script}`);
  let text = '';
  const ended = await runMachine(of, {
    env: { PATH: folder },
    onOutput: (bytes) => {
      text += Buffer.from(bytes).toString();
    },
    ...options,
  });
  return { ...ended, text };
}

/** QMP as QEMU speaks it; `answer` gets each command after the first. */
const qmp = `
  const channel = new (require('node:net').Socket)({ fd: 3 });
  const say = (value) => channel.write(JSON.stringify(value) + '\\n');
  let rest = '';
  channel.on('data', (bytes) => {
    const lines = (rest + bytes).split('\\n');
    rest = lines.pop();
    for (const line of lines) {
      const command = JSON.parse(line);
      if (command.execute === 'qmp_capabilities') say({ return: {} });
      else answer(command);
    }
  });
  say({ QMP: { version: {}, capabilities: [] } });
`;

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('runMachine', () => {
  it('passes the console on and ends when the guest powers off', async () => {
    const { end, text } = await runWith(`
      const fs = require('node:fs');
      console.log('stdin holds', fs.readFileSync(0).length, 'bytes;', process.argv[2], process.argv[3]);
    `);
    expect(text).toBe('stdin holds 0 bytes; -M pc\n');
    expect(end).toEqual({ how: 'powered-off' });
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
      hint: expect.stringContaining('ss -ltnup'),
    });
    await expect(run).rejects.toSatisfy((error: Error) => error.message.length < 66_000);
  });

  it('fails when QEMU is killed', async () => {
    const run = runWith(`process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000);`);
    await expect(run).rejects.toMatchObject({
      code: 'QEMU_FAILED',
      message:
        'running qemu-system-x86_64: found it ended by SIGKILL, wanted it to run until its guest ends',
      hint: expect.stringContaining('no memory left'),
    });
  });

  it('fails when QEMU ends by a signal that it heeds', async () => {
    const run = runWith(`console.error('qemu: terminating on signal 15 from pid 1 (init)');`);
    await expect(run).rejects.toMatchObject({
      code: 'QEMU_FAILED',
      message: expect.stringContaining('found it ended by SIGTERM, wanted it to run'),
    });
  });

  it('fails when what has the name of QEMU ends in good order and is none', async () => {
    await expect(runWith('', {}, direct)).rejects.toMatchObject({
      code: 'QEMU_FAILED',
      message:
        'running qemu-system-x86_64: found its end before its guest began, wanted a hypervisor',
      hint: 'see what it is: type -a qemu-system-x86_64',
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
    const run = runWith('', {}, machine, '/nowhere/interpreter');
    await expect(run).rejects.toMatchObject({ code: 'QEMU_FAILED' });
  });

  it('asks QEMU to end when the signal aborts', async () => {
    const abort = new AbortController();
    const { end } = await runWith(`console.log('up'); setInterval(() => {}, 1000);`, {
      signal: abort.signal,
      onOutput: () => abort.abort(),
    });
    expect(end).toEqual({ how: 'killed', signal: 'SIGTERM' });
  });

  it('kills QEMU when it does not end in time', async () => {
    const abort = new AbortController();
    const script = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('up');`;
    const { end } = await runWith(script, {
      signal: abort.signal,
      grace: 50,
      onOutput: () => abort.abort(),
    });
    expect(end).toEqual({ how: 'killed', signal: 'SIGKILL' });
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

  it('hands the command line of a direct boot over where nobody else sees it', async () => {
    const script = `${qmp}
      const said = [];
      function answer(command) {
        said.push(command);
        say({ return: {} });
        if (command.execute !== 'x-exit-preconfig') return;
        const isSeen = process.argv.join(' ').includes('hush');
        process.stdout.write(JSON.stringify({ said, isSeen }), () => process.exit(0));
      }`;
    const { text, end } = await runWith(script, {}, direct);
    const value = '--env=KEY=hush /app !';
    expect(JSON.parse(text)).toEqual({
      said: [
        { execute: 'qom-set', arguments: { path: '/machine', property: 'append', value } },
        { execute: 'x-exit-preconfig' },
      ],
      isSeen: false,
    });
    expect(end).toEqual({ how: 'powered-off' });
  });

  it('fails when QEMU refuses the command line, and does not tell it', async () => {
    const script = `${qmp}
      function answer() { say({ error: { class: 'GenericError', desc: 'no such property' } }); }
      setInterval(() => {}, 1000);`;
    await expect(runWith(script, {}, direct)).rejects.toMatchObject({
      code: 'QEMU_FAILED',
      message: expect.stringMatching(/no such property(?!.*hush)/),
    });
  });

  it('tells what QEMU said when it ends before it takes the command line', async () => {
    const run = runWith(`process.stderr.write('no such machine'); process.exit(1);`, {}, direct);
    await expect(run).rejects.toMatchObject({
      code: 'QEMU_FAILED',
      message: expect.stringContaining('no such machine'),
    });
  });

  it.each([
    ['program /app/x returned 3\r\nPowering off.\r\n', { how: 'powered-off', exitCode: 3 }],
    ['Aborted\r\n\r\n[backtrace]\r\n0x0 <?>\r\n', { how: 'aborted', reason: 'Aborted' }],
  ])('tells by the console %j how the guest ended', async (console, wanted) => {
    const { end, lastLines } = await runWith(`process.stdout.write(${JSON.stringify(console)});`);
    expect(end).toMatchObject(wanted);
    expect(lastLines).toEqual(console.split('\r\n').filter((line) => line !== ''));
  });

  it('ends a machine whose time is over', async () => {
    // A shell says something sooner than Node, which may need a second on a busy machine.
    const script = 'echo up; exec /bin/sleep 1000';
    const { end, lastLines } = await runWith(script, { timeout: 1500 }, machine, '/bin/sh');
    expect(end).toEqual({ how: 'timed-out' });
    expect(lastLines).toEqual(['up']);
  });

  it('tells that the guest is ready when the text is on the console, in however many pieces', async () => {
    const abort = new AbortController();
    let milliseconds = 0;
    const script = `
      const words = ['listen', 'ing on', ' 8080\\n'];
      const next = () => process.stdout.write(words.shift() ?? '.');
      setInterval(next, 20);`;
    const { end } = await runWith(script, {
      ready: { line: 'listening on 8080', timeout: 60_000 },
      onReady: (after) => {
        milliseconds = after;
        abort.abort();
      },
      signal: abort.signal,
    });
    expect(milliseconds).toBeGreaterThan(0);
    expect(end.how).toBe('killed');
  });

  it('fails when the guest is not ready in time, with what its console said last', async () => {
    const script = 'echo one; echo; echo two; exec /bin/sleep 1000';
    const ready = { line: 'listening', timeout: 1500 };
    const run = runWith(script, { ready }, machine, '/bin/sh');
    await expect(run).rejects.toMatchObject({
      code: 'MACHINE_NOT_READY',
      message: expect.stringMatching(/no sign of it in 1\.5 s.*its console ends:\none\ntwo$/s),
    });
  });

  it('fails when the guest ends before it is ready', async () => {
    const run = runWith('', { ready: { line: 'listening', timeout: 60_000 } });
    await expect(run).rejects.toMatchObject({
      code: 'MACHINE_NOT_READY',
      message: expect.stringMatching(/found its end, .*its console is empty$/),
    });
  });

  it('tells that a forwarded port is ready when the guest takes connections, not when QEMU does', async () => {
    const script = `${qmp}
      const net = require('node:net');
      let asked = 0;
      const server = net.createServer().listen(0, '127.0.0.1');
      function answer() {
        const { port } = server.address();
        const line = (state) => '  TCP[' + state + ']  9  127.0.0.1 ' + port + '  10.0.2.15  80  0  0\\r\\n';
        const state = (asked += 1) > 3 ? 'ESTABLISHED' : 'SYN_SENT';
        require('node:fs').writeSync(1, 'asked ' + asked + '\\n');
        say({ return: 'Hub -1 (net0):\\r\\n' + line(state) + line('HOST_FORWARD') });
      }`;
    const abort = new AbortController();
    const networks = networksOf([], [parsePortForward('0:80')], 'test');
    const { text } = await runWith(
      script,
      {
        ready: { port: 80, timeout: 60_000 },
        onReady: () => abort.abort(),
        signal: abort.signal,
      },
      { ...machine, networks },
    );
    expect(text).toMatch(/^asked 1\nasked 2\nasked 3\nasked 4\n/);
  });

  it('tells that a port at a static address is ready when it takes connections', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const abort = new AbortController();
    const networks = networksOf([parseNetwork('tap:t0,ip=127.0.0.1/8')], [], 'test');
    try {
      const { end } = await runWith(
        'setInterval(() => {}, 1000);',
        { ready: { port, timeout: 60_000 }, onReady: () => abort.abort(), signal: abort.signal },
        { ...machine, networks },
      );
      expect(end.how).toBe('killed');
    } finally {
      server.close();
    }
  });

  it('starts nothing when there is no way to the port to wait for', async () => {
    const run = runWith('', { ready: { port: 80, timeout: 1000 } });
    await expect(run).rejects.toMatchObject({ code: 'USAGE', hint: '-p 80:80' });
  });

  const setpriv = findProgram('setpriv', process.env);
  it.skipIf(setpriv === undefined)(
    'leaves no QEMU behind when its own process is killed',
    async () => {
      writeProgram(
        join(folder, 'qemu-system-x86_64'),
        `#!${process.execPath}\nconsole.log(process.pid); setInterval(() => {}, 1000);`,
      );
      const url = new URL('../../../dist/src/run/run-machine.js', import.meta.url);
      const script = `
      const { runMachine } = await import(${JSON.stringify(url.href)});
      await runMachine(${JSON.stringify(machine)}, { onOutput: (bytes) => process.stdout.write(bytes) });`;
      const tool = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { PATH: `${folder}:${dirname(setpriv ?? '')}` },
      });
      const [bytes] = await once(tool.stdout, 'data');
      const pid = Number(String(bytes));
      expect(isRunning(pid)).toBe(true);
      tool.kill('SIGKILL');
      await vi.waitFor(() => expect(isRunning(pid)).toBe(false), 5000);
    },
  );

  const hasQemu = spawnSync('qemu-system-x86_64', ['--version']).status === 0;
  it.skipIf(!hasQemu)('boots a disk by BIOS in a real QEMU until it powers off', async () => {
    const path = join(folder, 'boot, sector.img');
    await writeFile(path, bootDisk('hello from the boot sector'));
    let text = '';
    const { end } = await runMachine(
      { ...machine, disk: { path, format: 'raw' } },
      {
        signal: AbortSignal.timeout(60_000),
        onOutput: (bytes) => {
          text += Buffer.from(bytes).toString();
        },
      },
    );
    expect(text).toBe('hello from the boot sector');
    expect(end).toEqual({ how: 'powered-off' });
  });

  it.skipIf(!hasQemu)('loses nothing of a console that is read slowly', async () => {
    const path = join(folder, 'flood.img');
    await writeFile(path, floodDisk(floodSize));
    let size = 0;
    let isWhole = true;
    let pieces = 0;
    await runMachine(
      { ...machine, disk: { path, format: 'raw' } },
      {
        signal: AbortSignal.timeout(120_000),
        onOutput: async (bytes) => {
          isWhole &&= bytes.every((byte, at) => byte === (size + at) % floodPeriod);
          size += bytes.length;
          pieces += 1;
          // Long enough for every buffer on the way to be full.
          if (pieces === 2) await new Promise((done) => setTimeout(done, 1500));
        },
      },
    );
    expect({ size, isWhole }).toEqual({ size: floodSize, isWhole: true });
  });
});

const floodSize = 300_000;

/** A prime, so that what is lost shows. */
const floodPeriod = 251;

/** Its boot sector writes `size` bytes, which count up to `floodPeriod` again and again, then powers off. */
function floodDisk(size: number): Buffer {
  const disk = Buffer.alloc(1 << 20);
  disk.set([
    ...[0x66, 0xb9, size & 0xff, (size >> 8) & 0xff, (size >> 16) & 0xff, 0], // mov ecx, size
    ...[0x31, 0xdb], // xor bx, bx
    ...[0xba, 0xfd, 0x03, 0xec, 0xa8, 0x20, 0x74, 0xfb], // next: mov dx, 0x3fd; wait: in al, dx; test al, 0x20; jz wait
    ...[0xb2, 0xf8, 0x88, 0xd8, 0xee], // mov dl, 0xf8; mov al, bl; out dx, al
    ...[0xfe, 0xc3, 0x80, 0xfb, floodPeriod, 0x75, 0x02, 0x30, 0xdb], // inc bl; cmp bl, floodPeriod; jne +2; xor bl, bl
    ...[0x66, 0x49, 0x75, 0xe6], // dec ecx; jnz next
    ...[0xb2, 0xfd, 0xec, 0xa8, 0x40, 0x74, 0xfb], // mov dl, 0xfd; empty: in al, dx; test al, 0x40; jz empty
    ...powerOff,
  ]);
  disk.writeUInt16LE(0xaa55, 510);
  return disk;
}

const powerOff = [
  ...[0xba, 0x04, 0x06, 0xb8, 0x00, 0x20, 0xef], // mov dx, 0x604; mov ax, 0x2000; out dx, ax
  ...[0xf4, 0xeb, 0xfd], // stop: hlt; jmp stop
];

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
    ...powerOff, // off:
  ]);
  disk.write(`${text}\0`, 0x1d, 'latin1');
  disk.writeUInt16LE(0xaa55, 510);
  return disk;
}
