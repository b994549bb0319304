import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import { type CreateOptions, createMachine } from '../../../src/machines/create.ts';
import { deleteMachine } from '../../../src/machines/delete.ts';
import { findMachine, listMachines, machineState } from '../../../src/machines/find-machine.ts';
import { killMachine, parseSignal, stopMachine } from '../../../src/machines/kill.ts';
import { readLog } from '../../../src/machines/logs.ts';
import { parseMachineId } from '../../../src/machines/machine-id.ts';
import { type StartOptions, startMachine } from '../../../src/machines/start.ts';
import { endText, type MachineState, statusOf } from '../../../src/machines/state.ts';
import { waitForMachine } from '../../../src/machines/wait.ts';
import { waitingArguments } from '../../../src/machines/waiting-command.ts';
import type { Machine } from '../../../src/run/machine.ts';
import { type PortForward, parsePortForward } from '../../../src/run/port-forward.ts';
import { myself } from '../../../store/processes.ts';
import { type Afterwards, bootSectorDisk } from '../../support/boot-sector.ts';
import { findProgram } from '../../support/docker-registry.ts';
import { processesIn } from '../../support/processes-in.ts';
import { writeProgram } from '../../support/write-program.ts';

const hasQemu = findProgram('qemu-system-x86_64') !== undefined;
if (!hasQemu) console.log('skipped: the life of machines, for QEMU is not installed');

let folder: string;
let root: string;
let warnings: string[];
const id = parseMachineId('web');

beforeEach(async () => {
  // Longer than the address of a socket may be.
  folder = await mkdtemp(join(tmpdir(), `osv-convert-machines-${'x'.repeat(100)}-`));
  root = join(folder, 'machines');
  warnings = [];
});

afterEach(async () => {
  for (const machine of await listMachines(root, () => undefined)) {
    await deleteMachine(root, machine.id, { force: true, onWarning: () => undefined });
  }
  await expect.poll(() => processesIn(folder), { timeout: 20_000 }).toEqual([]);
  await rm(folder, { recursive: true });
});

function machineOf(disk: string, forwards: readonly PortForward[] = []): Machine {
  return {
    architecture: 'x86_64',
    disk: { path: disk, format: 'raw' },
    disks: [],
    boot: { kind: 'bios' },
    memory: 64,
    cpus: 1,
    accelerator: 'tcg',
    networks: [{ kind: 'user', mac: '52:54:00:00:00:01', restrict: false, forwards }],
  };
}

async function create(
  text: string,
  afterwards: Afterwards,
  more: Partial<CreateOptions> & { readonly forwards?: readonly PortForward[] } = {},
): Promise<MachineState> {
  const disk = join(folder, 'disk.raw');
  await writeFile(disk, bootSectorDisk(text, afterwards));
  const plan = async () => ({ machine: machineOf(disk, more.forwards) });
  return await createMachine(root, id, plan, {
    source: disk,
    annotations: {},
    hooks: {},
    onWarning: (warning) => warnings.push(warning),
    ...more,
  });
}

const start = (more: Partial<StartOptions> = {}) =>
  startMachine(root, id, { onWarning: (text) => warnings.push(text), ...more });
const remove = (force = false) =>
  deleteMachine(root, id, { force, onWarning: (text) => warnings.push(text) });

async function logOf(options: Partial<Parameters<typeof readLog>[2]> = {}): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readLog(root, id, { follow: false, ...options })) pieces.push(piece);
  return Buffer.concat(pieces).toString('latin1');
}

function hook(script: string) {
  return [{ path: '/bin/sh', args: ['sh', '-c', script] }];
}

const failing = (code: string) => expect.objectContaining({ code });

describe('parseMachineId', () => {
  it.each(['web', 'a', 'Web_1.2+x-y', 'a'.repeat(128)])('takes %s', (text) => {
    expect(parseMachineId(text)).toBe(text);
  });

  it.each(['', '.', '..', '.web', '-x', 'a/b', 'a b', 'ž', 'a\n', 'a'.repeat(129)])(
    'refuses %j',
    (text) => {
      expect(() => parseMachineId(text)).toThrow(failing('USAGE'));
    },
  );
});

describe('parseSignal', () => {
  it.each(['TERM', 'SIGTERM', 'sigterm', '15'])('takes %s', (text) => {
    expect(parseSignal(text)).toBe('SIGTERM');
  });

  it.each(['', '0', '99', 'TERMINATE', '-9'])('refuses %j', (text) => {
    expect(() => parseSignal(text)).toThrow(failing('USAGE'));
  });
});

describe('statusOf', () => {
  it.each([
    ['creating', { created: false, creatorLives: true, hypervisorLives: true, started: false }],
    ['stopped', { created: false, creatorLives: false, hypervisorLives: true, started: false }],
    ['created', { created: true, creatorLives: false, hypervisorLives: true, started: false }],
    ['running', { created: true, creatorLives: false, hypervisorLives: true, started: true }],
    ['stopped', { created: true, creatorLives: true, hypervisorLives: false, started: true }],
  ] as const)('is %s with %j', (status, signs) => {
    expect(statusOf(signs)).toBe(status);
  });
});

describe('endText', () => {
  it.each([
    [{ how: 'powered-off' }, 'powered off'],
    [{ how: 'powered-off', exitCode: 3 }, 'powered off (exit code 3)'],
    [{ how: 'aborted', reason: 'Aborted' }, 'aborted: Aborted'],
    [{ how: 'killed' }, 'killed'],
    [{ how: 'killed', signal: 'SIGKILL' }, 'killed (SIGKILL)'],
    [{ how: 'timed-out' }, 'timed out'],
    [{ how: 'failed', exitCode: 1 }, "failed (the hypervisor's exit code 1)"],
    [{ how: 'share-lost', folder: '/srv/a' }, 'lost its share /srv/a, whose virtiofsd ended'],
    [{ how: 'unknown' }, 'unknown'],
  ] as const)('of %j', (end, text) => {
    expect(endText(end)).toBe(text);
  });
});

describe('waitingArguments', () => {
  it('has QEMU wait with the guest, and listen in its folder', () => {
    const list = waitingArguments(machineOf('/disks/web.raw'));
    expect(list).toContain('-S');
    expect(list).toContain('socket,id=control,path=qmp,server=on,wait=off');
    expect(list).toContain('stdio,id=console,signal=off');
  });
});

describe.skipIf(!hasQemu)('a machine', () => {
  it('is created, started, read and deleted, and its end is told', async () => {
    const forwards = [parsePortForward('0:80'), parsePortForward('0:53/udp')];
    const created = await create('program /app/x returned 3\r\nPowering off.\r\n', 'power-off', {
      forwards,
      annotations: { a: 'b' },
    });
    const validate = await createValidator('state');
    expect(validate(created)).toBeUndefined();
    expect(created).toMatchObject({ id, status: 'created', bundle: join(root, id) });
    expect(created.annotations).toMatchObject({
      a: 'b',
      'osv-convert.ports': expect.stringMatching(
        /^127\.0\.0\.1:[1-9]\d+->80\/tcp, 127\.0\.0\.1:[1-9]\d+->53\/udp$/,
      ),
    });
    const record = await readFile(join(created.bundle, 'machine.json'), 'utf8');
    expect((await createValidator('machine'))(JSON.parse(record))).toBeUndefined();
    expect(await machineState(root, id)).toEqual(created);
    expect(await logOf()).toBe('');
    const log = logOf({ follow: true });
    await start();
    expect(await log).toBe('program /app/x returned 3\r\nPowering off.\r\n');
    expect(await logOf({ tail: 1 })).toBe('Powering off.\r\n');
    expect(await logOf({ tail: 0 })).toBe('');
    expect(await logOf({ tail: 9 })).toBe(await logOf());
    expect(await waitForMachine(root, id)).toEqual({ how: 'powered-off', exitCode: 3 });
    const stopped = await machineState(root, id);
    expect(validate(stopped)).toBeUndefined();
    expect(stopped).toMatchObject({
      status: 'stopped',
      annotations: { 'osv-convert.end': 'powered off (exit code 3)' },
    });
    expect(stopped).not.toHaveProperty('pid');
    await remove();
    expect(await readdir(root)).toEqual([]);
    await expect(machineState(root, id)).rejects.toEqual(failing('MACHINE_NOT_FOUND'));
    await expect(remove()).rejects.toEqual(failing('MACHINE_NOT_FOUND'));
  });

  it('refuses the transitions that the spec forbids, and stays as it is', async () => {
    await create('here I stay\r\n', 'stay');
    await expect(create('', 'stay')).rejects.toEqual(failing('MACHINE_EXISTS'));
    await expect(remove()).rejects.toThrow(
      'deleting machine web: found it created, wanted it stopped',
    );
    expect(await waitForMachine(root, id, { patience: 0 })).toBeUndefined();
    expect(await start()).toMatchObject({ status: 'running' });
    await expect(start()).rejects.toThrow(
      'starting machine web: found it running, wanted it created',
    );
    await expect(remove()).rejects.toEqual(failing('MACHINE_STATE'));
    await killMachine(root, id, 'SIGKILL');
    expect(await waitForMachine(root, id)).toEqual({ how: 'killed', signal: 'SIGKILL' });
    await expect(killMachine(root, id, 'SIGTERM')).rejects.toThrow(
      'killing machine web: found it stopped, wanted it created or running',
    );
    await expect(start()).rejects.toEqual(failing('MACHINE_STATE'));
    expect(await stopMachine(root, id, 0)).toEqual({ how: 'killed', signal: 'SIGKILL' });
  });

  it('is started once when several start it', async () => {
    await create('', 'stay');
    const results = await Promise.allSettled([start(), start(), start()]);
    const reasons = results.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    expect(reasons).toEqual([failing('MACHINE_STATE'), failing('MACHINE_STATE')]);
  });

  it('is ended by stop with TERM, and with KILL when it does not heed that', async () => {
    await create('', 'stay');
    await start();
    expect(await stopMachine(root, id, 20_000)).toEqual({ how: 'killed', signal: 'SIGTERM' });
    await remove();
    await create('', 'stay');
    await start();
    // A process that is halted takes no other signal.
    await killMachine(root, id, 'SIGSTOP');
    expect(await stopMachine(root, id, 50)).toEqual({ how: 'killed', signal: 'SIGKILL' });
  });

  it('is waited for until it shows that it is ready, and left as it is when it does not', async () => {
    await create('now ready\r\n', 'stay', { forwards: [parsePortForward('0:80')] });
    await expect(start({ ready: { port: 81, timeout: 1 } })).rejects.toEqual(failing('USAGE'));
    await start({ ready: { line: 'ready', timeout: 60_000 } });
    await stopMachine(root, id, 20_000);
    await remove();
    await create('never\r\n', 'stay', { forwards: [parsePortForward('0:80')] });
    await expect(
      start({ ready: { port: 80, line: 'never', timeout: 3000 } }),
    ).rejects.toMatchObject({
      code: 'MACHINE_NOT_READY',
      message: expect.stringContaining('found no sign of it in 3 s'),
    });
    expect(await machineState(root, id)).toMatchObject({ status: 'running' });
    await remove(true);
    await create('the end\r\n', 'power-off');
    await expect(start({ ready: { line: 'x', timeout: 60_000 } })).rejects.toMatchObject({
      code: 'MACHINE_NOT_READY',
      message: expect.stringContaining(
        'found its end, wanted the sign asked for; its console ends:\nthe end',
      ),
    });
  });

  it('that is waited for is left as it is when that is given up', async () => {
    await create('', 'stay');
    const reason = new Error('given up');
    const signal = AbortSignal.abort(reason);
    await expect(start({ ready: { line: 'x', timeout: 60_000 }, signal })).rejects.toBe(reason);
    expect(await machineState(root, id)).toMatchObject({ status: 'running' });
  });

  it('that runs is found running when its starter died before he noted it', async () => {
    await create('', 'stay');
    await start();
    await rm(join(root, id, 'started'));
    expect(await machineState(root, id)).toMatchObject({ status: 'running' });
    await expect(start()).rejects.toEqual(failing('MACHINE_STATE'));
  });

  it('is stopped, its end unknown, when another process has its number', async () => {
    const { pid = 0 } = await create('', 'stay');
    const path = join(root, id, 'machine.json');
    const record = JSON.parse(await readFile(path, 'utf8'));
    const { hypervisor, supervisor } = record.vmm;
    const change = async (vmm: object) =>
      await writeFile(path, JSON.stringify({ ...record, vmm: { ...record.vmm, ...vmm } }));
    const other = { start: '1' };
    await change({
      hypervisor: { ...hypervisor, ...other },
      supervisor: { ...supervisor, ...other },
    });
    expect((await findMachine(root, id, 'x')).end).toEqual({ how: 'unknown' });
    await remove();
    process.kill(pid, 0);
    process.kill(pid, 'SIGKILL');
  });

  it('of another boot is stopped, one of another container is not', async () => {
    await create('', 'stay');
    const path = join(root, id, 'machine.json');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replaceAll(/"realm": "\w+"/g, `"realm": "${'0'.repeat(16)}"`));
    expect(await machineState(root, id)).toMatchObject({ status: 'created' });
    await expect(killMachine(root, id, 'SIGKILL')).rejects.toThrow('found it in another container');
    await expect(stopMachine(root, id, 0)).rejects.toEqual(failing('MACHINE_STATE'));
    await expect(remove(true)).rejects.toEqual(failing('MACHINE_STATE'));
    const socket = join(root, id, 'qmp');
    await rm(socket);
    expect(await machineState(root, id)).toMatchObject({ status: 'stopped' });
    await writeFile(path, text);
  });

  it('leaves nothing behind when QEMU fails, as with a port that is taken', async () => {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    await expect(
      create('', 'stay', { forwards: [parsePortForward(`${port}:80`)] }),
    ).rejects.toMatchObject({
      code: 'QEMU_FAILED',
      message: expect.stringContaining(`host forwarding rule 'tcp:127.0.0.1:${port}-:80'`),
    });
    server.close();
    expect(await readdir(root)).toEqual([]);
    expect(await processesIn(folder)).toEqual([]);
  });

  it('runs hooks with its state, from prestart to poststop', async () => {
    const told = join(folder, 'told');
    const tell = (point: string) => hook(`echo ${point} $(cat) >>${told}`);
    await create('', 'stay', {
      hooks: {
        prestart: tell('prestart'),
        createRuntime: tell('createRuntime'),
        poststart: tell('poststart'),
        poststop: [...tell('poststop'), ...hook('exit 1')],
      },
    });
    await start();
    await remove(true);
    const lines = (await readFile(told, 'utf8')).trim().split('\n');
    const points = lines.map((line) => line.replace(/ .*/, ''));
    const states = lines.map((line) => line.replace(/^\w+ /, '')).map((text) => JSON.parse(text));
    expect(points).toEqual(['prestart', 'createRuntime', 'poststart', 'poststop']);
    expect(states.map(({ status }) => status)).toEqual([
      'creating',
      'creating',
      'running',
      'stopped',
    ]);
    const validate = await createValidator('state');
    expect(states.map(validate)).toEqual([undefined, undefined, undefined, undefined]);
    expect(warnings).toEqual([expect.stringContaining('poststop hook /bin/sh of web')]);
  });

  it.each(['prestart', 'createRuntime', 'poststart'] as const)(
    'is ended and removed when a %s hook fails',
    async (point) => {
      const told = join(folder, 'told');
      const hooks = { [point]: hook('echo no >&2; exit 1'), poststop: hook(`cat >${told}`) };
      const attempt = create('', 'stay', { hooks }).then(() => start());
      await expect(attempt).rejects.toMatchObject({
        code: 'HOOK_FAILED',
        message: expect.stringContaining('exit code 1: no'),
      });
      expect(JSON.parse(await readFile(told, 'utf8'))).toMatchObject({ status: 'stopped' });
      expect(await readdir(root)).toEqual([]);
      expect(await processesIn(folder)).toEqual([]);
    },
  );
});

describe('createMachine', () => {
  it('fails, and leaves nothing behind, when QEMU is not there or planning fails', async () => {
    await expect(create('', 'stay', { env: { PATH: folder } })).rejects.toEqual(
      failing('QEMU_NOT_FOUND'),
    );
    const options = { source: 'x', annotations: {}, hooks: {}, onWarning: () => undefined };
    const plan = async (at: string) => {
      await writeFile(join(at, 'disk.raw'), 'half');
      throw new Error('no disk');
    };
    await expect(createMachine(root, id, plan, options)).rejects.toThrow('no disk');
    expect(await readdir(root)).toEqual([]);
  });

  it.each([
    ['exit 0', 'its end before its guest began, wanted a hypervisor'],
    ['echo no >&2; exit 3', 'exit code 3, wanted 0: no'],
    ['kill -SEGV $$', 'it ended by SIGSEGV, wanted it to run until its guest ends'],
  ])('says how QEMU ended that does %j, and leaves nothing behind', async (script, problem) => {
    const program = join(folder, 'qemu-system-x86_64');
    writeProgram(program, `#!/bin/sh\n${script}\n`);
    await expect(create('', 'stay', { env: { PATH: folder } })).rejects.toMatchObject({
      code: 'QEMU_FAILED',
      message: `starting ${program}: found ${problem}`,
    });
    expect(await readdir(root)).toEqual([]);
  });

  it('sweeps up what the dead left', async () => {
    const gone = join(root, '.999999999-1-0123456789abcdef-web');
    await mkdir(join(gone, 'deep'), { recursive: true });
    const kept = `.${process.pid}-1-0123456789abcdef-web`;
    await mkdir(join(root, kept));
    const { realm } = await myself();
    await mkdir(join(root, `.999999999-1-${realm}-web`, 'deep'), { recursive: true });
    await expect(create('', 'stay', { env: { PATH: folder } })).rejects.toThrow();
    // Of another boot or container, and young.
    expect((await readdir(root)).sort()).toEqual(
      ['.999999999-1-0123456789abcdef-web', kept].sort(),
    );
  });

  it('fails when there can be no folder', async () => {
    await writeFile(join(folder, 'machines'), '');
    await expect(create('', 'stay')).rejects.toEqual(failing('OUTPUT_UNUSABLE'));
  });
});

describe('listMachines', () => {
  it('warns of a damaged record and lists the others', async () => {
    await mkdir(join(root, 'bad'), { recursive: true });
    const killer = JSON.stringify({ version: 1, creator: { pid: -1, start: '1', realm: '' } });
    for (const text of ['{', '{"version": 2}', killer, `"${'x'.repeat(5 << 20)}"`]) {
      await writeFile(join(root, 'bad', 'machine.json'), text);
      const told: string[] = [];
      expect(await listMachines(root, (warning) => told.push(warning))).toEqual([]);
      expect(told).toEqual([expect.stringContaining('bad/machine.json')]);
      const damaged = findMachine(root, parseMachineId('bad'), 'looking at');
      await expect(damaged).rejects.toEqual(failing('MACHINE_STATE'));
    }
  });

  it('lists none where there is no folder', async () => {
    expect(await listMachines(join(folder, 'none'), () => undefined)).toEqual([]);
  });
});
