import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import { createMachine } from '../../../src/machines/create.ts';
import { deleteMachine } from '../../../src/machines/delete.ts';
import { machineState } from '../../../src/machines/find-machine.ts';
import { killMachine } from '../../../src/machines/kill.ts';
import { readLog } from '../../../src/machines/logs.ts';
import { parseMachineId } from '../../../src/machines/machine-id.ts';
import { startMachine } from '../../../src/machines/start.ts';
import { waitForMachine } from '../../../src/machines/wait.ts';
import type { Machine } from '../../../src/run/machine.ts';
import { parseNetwork } from '../../../src/run/parse-network.ts';
import { networksOf } from '../../../src/run/plan-networks.ts';
import { processesIn } from '../../support/processes-in.ts';
import { layOutFirecracker } from '../run/lay-out-firecracker.ts';

let folder: string;
let root: string;
const id = parseMachineId('web');
const onWarning = (): void => undefined;

beforeEach(async () => {
  // Longer than the address of a socket may be.
  folder = await mkdtemp(join(tmpdir(), `osv-convert-kept-fc-${'x'.repeat(100)}-`));
  root = join(folder, 'machines');
});

afterEach(async () => {
  await deleteMachine(root, id, { force: true, onWarning }).catch(() => undefined);
  await expect.poll(() => processesIn(folder), { timeout: 20_000 }).toEqual([]);
  await rm(folder, { recursive: true });
});

const machine: Machine = {
  architecture: 'x86_64',
  disk: { path: '/disks/web.raw', format: 'raw' },
  disks: [],
  boot: { kind: 'direct', kernel: '/store/elf', commandLine: '--rootfs=rofs /app/web !' },
  memory: 256,
  cpus: 2,
  accelerator: 'kvm',
  networks: networksOf([parseNetwork('tap:tap0,mac=52:54:00:00:00:01')], [], 'web'),
};

async function create(console: string, afterwards: 'end' | 'stay', of: Machine = machine) {
  await layOutFirecracker(folder, console, afterwards);
  return await createMachine(root, id, async () => ({ machine: of }), {
    source: '/disks/web.raw',
    annotations: {},
    hooks: {},
    kind: 'firecracker',
    env: { PATH: folder },
    onWarning,
  });
}

const start = () => startMachine(root, id, { onWarning });

async function logOf(): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readLog(root, id, { follow: false })) pieces.push(piece);
  return Buffer.concat(pieces).toString('latin1');
}

describe('a machine of Firecracker', () => {
  it('is created, started, read and deleted, and its end is told', async () => {
    const created = await create('program /app/web returned 7\r\n', 'end');
    expect(created).toMatchObject({ id, status: 'created', pid: expect.any(Number) });
    const record = await readFile(join(created.bundle, 'machine.json'), 'utf8');
    expect((await createValidator('machine'))(JSON.parse(record))).toBeUndefined();
    expect(await machineState(root, id)).toEqual(created);
    expect(await logOf()).toBe('');
    await start();
    expect(await waitForMachine(root, id)).toEqual({ how: 'powered-off', exitCode: 7 });
    const [seen = '', ...console] = (await logOf()).split('\n');
    expect(JSON.parse(seen)).toEqual([
      ...['--api-sock', '--level', 'Error'],
      ...['/machine-config', '/boot-source', '/drives/disk', '/network-interfaces/eth0'],
    ]);
    expect(console).toEqual(['program /app/web returned 7\r', '']);
    await deleteMachine(root, id, { onWarning });
    expect(await readdir(root)).toEqual([]);
  });

  it('is started once when several start it, and killed', async () => {
    await create('', 'stay');
    const results = await Promise.allSettled([start(), start(), start()]);
    const reasons = results.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    const refused = expect.objectContaining({ code: 'MACHINE_STATE' });
    expect(reasons).toEqual([refused, refused]);
    await rm(join(root, id, 'started'));
    expect(await machineState(root, id)).toMatchObject({ status: 'running' });
    await killMachine(root, id, 'SIGTERM');
    expect(await waitForMachine(root, id)).toEqual({ how: 'killed', signal: 'SIGTERM' });
  });

  it('leaves nothing behind where there is no Firecracker, it fails, or it cannot have the machine', async () => {
    const code = (wanted: string) => expect.objectContaining({ code: wanted });
    await expect(create('', 'stay', { ...machine, cpus: 64 })).rejects.toEqual(code('USAGE'));
    const broken = { kind: 'firecracker', env: { PATH: folder }, onWarning } as const;
    const wishes = { source: '', annotations: {}, hooks: {}, ...broken };
    const again = () => createMachine(root, id, async () => ({ machine }), wishes);
    await writeFile(join(folder, 'firecracker'), '#!/bin/sh\necho no KVM >&2\nexit 1\n');
    await expect(again()).rejects.toMatchObject({
      code: 'FIRECRACKER_FAILED',
      message: expect.stringContaining('no KVM'),
    });
    await rm(join(folder, 'firecracker'));
    await expect(again()).rejects.toEqual(code('FIRECRACKER_NOT_FOUND'));
    expect(await readdir(root)).toEqual([]);
  });
});
