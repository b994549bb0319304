import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import { createMachine } from '../../../src/machines/create.ts';
import { deleteMachine } from '../../../src/machines/delete.ts';
import { machineState } from '../../../src/machines/find-machine.ts';
import { type KeptShare, keepShare } from '../../../src/machines/keep-share.ts';
import { killMachine, stopMachine } from '../../../src/machines/kill.ts';
import { parseMachineId } from '../../../src/machines/machine-id.ts';
import { startMachine } from '../../../src/machines/start.ts';
import { waitForMachine } from '../../../src/machines/wait.ts';
import type { Machine } from '../../../src/run/machine.ts';
import { findVirtiofsd } from '../../../src/run/virtiofsd.ts';
import { type Owner, ownerOf } from '../../../store/processes.ts';
import { type Afterwards, bootSectorDisk } from '../../support/boot-sector.ts';
import { findProgram } from '../../support/docker-registry.ts';
import { top } from '../../support/top.ts';
import { writeProgram } from '../../support/write-program.ts';

const share = { folder: '/srv/a', socket: 'share0.socket' };
const listening = "echo 'Waiting for vhost-user socket connection...' >&2";
const serving = `echo started >&2; ${listening}; exec sleep 1000`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-shares-'));
});
afterEach(async () => {
  for (const pid of await processesOf(folder)) process.kill(pid, 'SIGKILL');
  await rm(folder, { recursive: true });
});

/** The processes with `folder` among their words: virtiofsd leaves the folder it was started in. */
async function processesOf(path: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return pids.filter((pid, at) => pid !== process.pid && lines[at]?.includes(path));
}

const expectNobody = () => expect.poll(() => processesOf(folder), { timeout: 20_000 }).toEqual([]);

describe('keepShare', () => {
  const kept: ChildProcess[] = [];
  afterEach(() => {
    for (const child of kept.splice(0)) child.kill('SIGKILL');
  });

  /** By a virtiofsd that does what `script` says. */
  async function serve(script: string, signal?: AbortSignal): Promise<KeptShare> {
    const program = join(folder, 'virtiofsd');
    writeProgram(program, `#!/bin/sh\n${script}\n`);
    const place = { ...share, folder: join(folder, 'shared') };
    return await keepShare(folder, 0, place, { program, flavour: 'rust' }, signal);
  }

  /** A process in the place of one. */
  async function hypervisor(): Promise<{ readonly owner: Owner; readonly child: ChildProcess }> {
    const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
    kept.push(child);
    const owner = await ownerOf(child.pid ?? 0);
    if (owner === undefined) throw new Error('it does not run');
    return { owner, child };
  }

  /** The process that serves. */
  async function server({ keeper }: KeptShare): Promise<number> {
    const children = await readFile(`/proc/${keeper.pid}/task/${keeper.pid}/children`, 'utf8');
    return Number(children.split(' ')[0]);
  }

  const isLost = async (): Promise<string | undefined> =>
    await readFile(join(folder, 'lost'), 'utf8').catch(() => undefined);

  it('ends the hypervisor, and notes why, when the server ends', async () => {
    const { owner, child } = await hypervisor();
    const one = await serve(serving);
    await one.keep(owner);
    const end = once(child, 'exit');
    process.kill(await server(one), 'SIGKILL');
    expect(await end).toEqual([null, 'SIGKILL']);
    expect(await isLost()).toBe('0\n');
    await expect.poll(() => ownerOf(one.keeper.pid)).toBeUndefined();
  });

  it('notes nothing when the hypervisor ended before, and removes the socket', async () => {
    const { owner, child } = await hypervisor();
    const one = await serve(`: >share0.socket; ${serving}`);
    await one.keep(owner);
    const gone = once(child, 'exit');
    child.kill();
    await gone;
    process.kill(await server(one), 'SIGKILL');
    await expect.poll(() => ownerOf(one.keeper.pid)).toBeUndefined();
    expect(await readdir(folder)).toEqual(['share0.log', 'virtiofsd']);
  });

  it('lets a process live that only has the number of the hypervisor', async () => {
    const { owner, child } = await hypervisor();
    const one = await serve(serving);
    await one.keep({ ...owner, start: '1' });
    process.kill(await server(one), 'SIGKILL');
    await expect.poll(() => ownerOf(one.keeper.pid)).toBeUndefined();
    expect([child.exitCode, child.signalCode, await isLost()]).toEqual([null, null, undefined]);
  });

  it('keeps what the server says when it listens', async () => {
    const { owner } = await hypervisor();
    const one = await serve(`${listening}; while :; do echo again >&2; sleep 0.05; done`);
    await one.keep(owner);
    const log = () => readFile(join(folder, 'share0.log'), 'utf8');
    await expect.poll(log, { timeout: 10_000 }).toMatch(/^again\nagain\n/);
    await one.drop();
    await expectNobody();
  });

  it('says what a server said that does not listen, and leaves nobody behind', async () => {
    await expect(serve('echo "no such folder" >&2; exit 1')).rejects.toMatchObject({
      code: 'QEMU_FAILED',
      message: expect.stringMatching(/ does not serve \S+: no such folder, wanted it to listen$/),
    });
    await expectNobody();
  });

  it('is given up when its signal aborts, and leaves nobody behind', async () => {
    const reason = new Error('given up');
    await expect(serve('sleep 1000', AbortSignal.abort(reason))).rejects.toBe(reason);
    await expectNobody();
  });

  it('leaves nobody behind when its process is killed before it keeps', async () => {
    const program = join(folder, 'virtiofsd');
    writeProgram(program, `#!/bin/sh\n${serving}`);
    const module = pathToFileURL(join(top, 'dist/src/machines/keep-share.js')).href;
    const words = [folder, 0, { ...share, folder }, { program, flavour: 'rust' }];
    const script = `
      const { keepShare } = await import(${JSON.stringify(module)});
      await keepShare(...${JSON.stringify(words)});
      process.kill(process.pid, 'SIGKILL');`;
    const args = ['--input-type=module', '--eval', script];
    const { signal } = spawnSync(process.execPath, args, { stdio: 'ignore' });
    expect(signal).toBe('SIGKILL');
    await expectNobody();
  });
});

function obstacle(): string | undefined {
  if (findProgram('qemu-system-x86_64') === undefined) return 'QEMU is not installed';
  try {
    findVirtiofsd(process.env);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const reason = obstacle();
if (reason !== undefined) console.log(`skipped: machines with shares, for ${reason}`);

describe.skipIf(reason !== undefined)('a machine with shares', () => {
  const id = parseMachineId('web');
  const onWarning = (): void => undefined;
  let root: string;
  beforeEach(async () => {
    // Longer than the address of a socket may be.
    root = join(folder, 'x'.repeat(100), 'machines');
    for (const name of ['a,b', 'c']) await mkdir(join(folder, name));
  });
  const locks = async (): Promise<readonly string[]> =>
    await readdir('/var/run/virtiofsd').catch(() => []);

  async function machineOf(afterwards: Afterwards): Promise<Machine> {
    const disk = join(folder, 'disk.raw');
    await writeFile(disk, bootSectorDisk('here\r\n', afterwards));
    return {
      architecture: 'x86_64',
      disk: { path: disk, format: 'raw' },
      disks: [],
      shares: [
        { folder: join(folder, 'a,b'), socket: 'share0.socket' },
        { folder: join(folder, 'c'), socket: 'share1.socket' },
      ],
      boot: { kind: 'bios' },
      memory: 64,
      cpus: 1,
      accelerator: 'tcg',
      networks: [],
    };
  }

  async function create(afterwards: Afterwards = 'stay') {
    const machine = await machineOf(afterwards);
    const options = { source: 'x', annotations: {}, hooks: {}, onWarning };
    return await createMachine(root, id, async () => ({ machine }), options);
  }

  async function keepers(): Promise<readonly Owner[]> {
    const text = await readFile(join(root, id, 'machine.json'), 'utf8');
    expect((await createValidator('machine'))(JSON.parse(text))).toBeUndefined();
    return JSON.parse(text).vmm.keepers;
  }

  const start = () => startMachine(root, id, { onWarning });

  it.each<[string, () => Promise<unknown>, object]>([
    ['its guest', async () => undefined, { how: 'powered-off' }],
    ['stop', () => stopMachine(root, id, 20_000), { how: 'killed', signal: 'SIGTERM' }],
    ['kill', () => killMachine(root, id, 'SIGKILL'), { how: 'killed', signal: 'SIGKILL' }],
  ])('is ended by %s, its servers with it', async (name, end, expected) => {
    const before = await locks();
    await create(name === 'its guest' ? 'power-off' : 'stay');
    expect(await keepers()).toHaveLength(2);
    await start();
    await end();
    expect(await waitForMachine(root, id)).toEqual(expected);
    await expectNobody();
    const files = await readdir(join(root, id));
    expect(files.filter((file) => /^(lost|.*\.socket)$/.test(file))).toEqual([]);
    await deleteMachine(root, id, { onWarning });
    expect([await readdir(root), await locks()]).toEqual([[], before]);
  });

  it('is removed by force, its servers with it', async () => {
    const before = await locks();
    await create();
    await deleteMachine(root, id, { force: true, onWarning });
    await expectNobody();
    expect([await readdir(root), await locks()]).toEqual([[], before]);
  });

  it('ends when a server does, and says so', async () => {
    await create();
    await start();
    const [, second] = await keepers();
    // The server, whatever it is made of, without the shell that waits for it.
    const children = `/proc/${second?.pid}/task/${second?.pid}/children`;
    process.kill(Number((await readFile(children, 'utf8')).split(' ')[0]), 'SIGKILL');
    const end = { how: 'share-lost', folder: join(folder, 'c') };
    expect(await waitForMachine(root, id)).toEqual(end);
    expect((await createValidator('machine-end'))({ id, end })).toBeUndefined();
    expect((await machineState(root, id)).annotations).toMatchObject({
      'osv-convert.end': `lost its share ${end.folder}, whose virtiofsd ended`,
    });
    await deleteMachine(root, id, { onWarning });
    await expectNobody();
  });

  it('goes on when those are killed that wait for its servers, which then end with it', async () => {
    await create();
    await start();
    for (const { pid } of await keepers()) process.kill(pid, 'SIGKILL');
    expect(await machineState(root, id)).toMatchObject({ status: 'running' });
    await stopMachine(root, id, 20_000);
    await deleteMachine(root, id, { onWarning });
    await expectNobody();
  });

  it('leaves nobody behind when its creation fails', async () => {
    const before = await locks();
    const { boot: _, ...rest } = await machineOf('stay');
    const kernel = join(folder, 'no-kernel');
    const machine: Machine = { ...rest, boot: { kind: 'direct', kernel, commandLine: 'x' } };
    const options = { source: 'x', annotations: {}, hooks: {}, onWarning };
    await expect(createMachine(root, id, async () => ({ machine }), options)).rejects.toMatchObject(
      { code: 'QEMU_FAILED' },
    );
    await expectNobody();
    expect([await readdir(root), await locks()]).toEqual([[], before]);
  });

  const suicide = `process.kill(process.pid, 'SIGKILL');`;

  it.each([
    ['a server starts', '', '', 'stopped'],
    [
      'the hypervisor waits',
      '{ path: "/bin/sh", args: ["sh", "-c", "kill -9 $PPID"] }',
      '',
      'stopped',
    ],
    ['it is created', '', suicide, 'created'],
  ])(
    'leaves nobody behind when its creator is killed (SIGKILL) as %s',
    async (when, hook, then, status) => {
      const before = await locks();
      const machine = await machineOf('stay');
      const { program } = findVirtiofsd(process.env);
      const kill = when === 'a server starts' ? '[ "$1" = --help ] || kill -9 "$CREATOR"' : '';
      const script = `#!/bin/sh\n${kill}\nexec ${program} "$@"\n`;
      writeProgram(join(folder, 'virtiofsd'), script);
      const module = pathToFileURL(join(top, 'dist/src/machines/create.js')).href;
      const text = `
      const { createMachine } = await import(${JSON.stringify(module)});
      process.env.CREATOR = process.pid;
      const plan = async () => ({ machine: ${JSON.stringify(machine)} });
      await createMachine(${JSON.stringify(root)}, 'web', plan, {
        source: 'x', annotations: {}, hooks: { prestart: [${hook}] }, onWarning: () => undefined,
      });
      ${then}`;
      const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}` };
      const args = ['--input-type=module', '--eval', text];
      const { signal, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
      expect(signal, stderr).toBe('SIGKILL');
      expect(await machineState(root, id)).toMatchObject({ status });
      if (status === 'stopped') await expectNobody();
      await deleteMachine(root, id, { force: true, onWarning });
      await expectNobody();
      expect([await readdir(root), await locks()]).toEqual([[], before]);
    },
  );
});
