import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createValidator } from '../../../schemas/index.ts';
import { dryRunOf } from '../../../src/run/dry-run.ts';
import {
  askFirecracker,
  callFirecracker,
  firecrackerCalls,
  instanceStart,
} from '../../../src/run/firecracker-api.ts';
import { firecrackerConfig } from '../../../src/run/firecracker-config.ts';
import type { Machine } from '../../../src/run/machine.ts';
import { parseNetwork } from '../../../src/run/parse-network.ts';
import { networksOf } from '../../../src/run/plan-networks.ts';
import { runMachine } from '../../../src/run/run-machine.ts';
import { writeProgram } from '../../support/write-program.ts';
import { serveFirecracker } from './fake-firecracker.ts';
import { layOutFirecracker } from './lay-out-firecracker.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-fc-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const machine: Machine = {
  architecture: 'x86_64',
  disk: { path: '/disks/web.raw', format: 'raw' },
  disks: [{ path: '/disks/data.raw', format: 'raw' }],
  boot: { kind: 'direct', kernel: '/store/elf', commandLine: '--rootfs=rofs /app/web !' },
  memory: 256,
  cpus: 2,
  accelerator: 'kvm',
  networks: networksOf(
    [
      parseNetwork('tap:tap0,mac=52:54:00:00:00:01'),
      parseNetwork('tap:tap1,mac=52:54:00:00:00:02'),
    ],
    [],
    'web',
  ),
};

const config = {
  'machine-config': { vcpu_count: 2, mem_size_mib: 256 },
  'boot-source': {
    kernel_image_path: '/store/elf',
    boot_args: '--nopci --rootfs=rofs /app/web !',
  },
  drives: [
    { drive_id: 'disk', path_on_host: '/disks/web.raw', is_root_device: false, is_read_only: true },
    {
      drive_id: 'data0',
      path_on_host: '/disks/data.raw',
      is_root_device: false,
      is_read_only: false,
    },
  ],
  'network-interfaces': [
    { iface_id: 'eth0', guest_mac: '52:54:00:00:00:01', host_dev_name: 'tap0' },
    { iface_id: 'eth1', guest_mac: '52:54:00:00:00:02', host_dev_name: 'tap1' },
  ],
};

describe('firecrackerConfig', () => {
  it('is a configuration file of Firecracker', async () => {
    expect(firecrackerConfig(machine)).toEqual(config);
    const validate = await createValidator('run-dry-run');
    expect(validate(dryRunOf(machine, 'firecracker'))).toBeUndefined();
    expect(validate(dryRunOf(machine, 'qemu'))).toBeUndefined();
  });

  it('does not speak of PCI to a kernel of aarch64', () => {
    const { 'boot-source': source } = firecrackerConfig({ ...machine, architecture: 'aarch64' });
    expect(source.boot_args).toBe('--rootfs=rofs /app/web !');
  });

  it.each([
    [{ boot: { kind: 'bios' } }, 'USAGE', 'a disk that boots itself'],
    [{ cpus: 33 }, 'USAGE', '33 processors'],
    [{ disk: { path: '/d', format: 'qcow2' } }, 'USAGE', 'the qcow2 disk /d'],
    [{ disks: [{ path: '/e', format: 'qcow2' }] }, 'USAGE', 'the qcow2 disk /e'],
    [{ networks: networksOf([], [], 'x') }, 'USAGE', 'a user network'],
    [{ networks: networksOf([parseNetwork('bridge:b')], [], 'x') }, 'USAGE', 'a bridge network'],
    [
      withLine('x'.repeat(2000)),
      'COMMAND_LINE_INEXPRESSIBLE',
      'of 2008 bytes, wanted at most 1791',
    ],
    [withLine('--env=A=ž /app'), 'COMMAND_LINE_INEXPRESSIBLE', 'printable ASCII'],
    [withLine('/app -- x'), 'COMMAND_LINE_INEXPRESSIBLE', 'the word --'],
  ] as const)('refuses %j', (part, code, found) => {
    const make = () => firecrackerConfig({ ...machine, ...part });
    expect(make).toThrow(expect.objectContaining({ code }));
    expect(make).toThrow(found);
  });

  it('takes a command line of as many bytes as there is room for', () => {
    const line = 'x'.repeat(1783);
    expect(firecrackerConfig({ ...machine, ...withLine(line) })['boot-source'].boot_args).toBe(
      `--nopci ${line}`,
    );
  });
});

function withLine(commandLine: string): Pick<Machine, 'boot'> {
  return { boot: { kind: 'direct', kernel: '/store/elf', commandLine } };
}

describe('callFirecracker', () => {
  it('makes calls that Firecracker takes, the start last', async () => {
    const path = join(folder, 'api');
    const fake = serveFirecracker(path);
    try {
      await callFirecracker(
        path,
        [...firecrackerCalls(firecrackerConfig(machine)), instanceStart],
        AbortSignal.timeout(20_000),
      );
      await fake.started;
      expect(Object.fromEntries(fake.machine)).toEqual({
        '/machine-config': config['machine-config'],
        '/boot-source': config['boot-source'],
        '/drives/disk': config.drives[0],
        '/drives/data0': config.drives[1],
        '/network-interfaces/eth0': config['network-interfaces'][0],
        '/network-interfaces/eth1': config['network-interfaces'][1],
      });
    } finally {
      fake.server.close();
    }
  });

  it('waits for a Firecracker that does not listen yet', async () => {
    const path = join(folder, 'api');
    const calls = callFirecracker(
      path,
      [...firecrackerCalls(firecrackerConfig(machine)), instanceStart],
      AbortSignal.timeout(20_000),
    );
    const { server, started } = serveFirecracker(path);
    await Promise.all([calls, started]);
    server.close();
  });

  it('asks for the state of a machine, and tells it started from not', async () => {
    const path = join(folder, 'api');
    const { server } = serveFirecracker(path);
    const inTime = AbortSignal.timeout(20_000);
    expect(await askFirecracker(path, inTime)).toBe('Not started');
    const calls = firecrackerCalls(firecrackerConfig(machine));
    await callFirecracker(path, [...calls, instanceStart], inTime);
    expect(await askFirecracker(path, inTime)).toBe('Running');
    await expect(callFirecracker(path, [instanceStart], inTime)).rejects.toThrow(
      'not supported after starting',
    );
    server.close();
  });

  it.each([
    [{ path: '/drives/a-b', body: { drive_id: 'a-b', is_root_device: false } }, 'alphanumeric'],
    [{ path: '/drives/a', body: { drive_id: 'b', is_root_device: false } }, 'does not match'],
    [{ path: '/machine-config', body: { vcpu_count: 33, mem_size_mib: 1 } }, 'vcpu_count'],
    [{ path: '/boot-source', body: { kernel_image_path: '/k', args: 'hush' } }, 'unknown field'],
    [{ path: '/actions', body: { action_type: 'InstanceStart' } }, 'without kernel'],
    [{ path: '/nothing', body: {} }, 'method and/or path'],
  ])('tells what Firecracker refuses of %j, and not the body', async ({ path, body }, found) => {
    const socket = join(folder, 'api');
    const { server } = serveFirecracker(socket);
    await once(server, 'listening');
    const call = callFirecracker(
      socket,
      [{ method: 'PUT', path, body }],
      AbortSignal.timeout(20_000),
    );
    await expect(call).rejects.toMatchObject({
      code: 'FIRECRACKER_FAILED',
      message: expect.stringMatching(new RegExp(`PUT ${path}: found 400 .*${found}(?!.*hush)`)),
    });
    server.close();
  });

  it('fails when nobody listens in time', async () => {
    const calls = firecrackerCalls(firecrackerConfig(machine));
    await expect(
      callFirecracker(join(folder, 'api'), calls, AbortSignal.timeout(50)),
    ).rejects.toMatchObject({ code: 'FIRECRACKER_FAILED' });
  });
});

describe('runMachine', () => {
  async function run(console: string, of: Machine = machine) {
    await layOutFirecracker(folder, console);
    const temporary = process.env['TMPDIR'];
    process.env['TMPDIR'] = folder;
    let text = '';
    try {
      const { end } = await runMachine(of, {
        vmm: 'firecracker',
        env: { PATH: folder },
        onOutput: (bytes) => {
          text += Buffer.from(bytes).toString();
        },
      });
      return { end, text };
    } finally {
      if (temporary === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = temporary;
    }
  }

  it('makes and starts a machine by the API of Firecracker, and removes its socket', async () => {
    const { end, text } = await run('program /app/web returned 7\r\nPowering off.\r\n');
    expect(JSON.parse(text.split('\n', 1)[0] ?? '')).toEqual([
      '--api-sock',
      '--level',
      'Error',
      ...['/machine-config', '/boot-source', '/drives/disk', '/drives/data0'],
      ...['/network-interfaces/eth0', '/network-interfaces/eth1'],
    ]);
    expect(end).toEqual({ how: 'powered-off', exitCode: 7 });
    expect(await readdir(folder)).toEqual(['firecracker']);
  });

  it('starts no Firecracker for a machine that it does not have', async () => {
    await expect(run('', { ...machine, cpus: 64 })).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('fails when what has the name of Firecracker ends in good order and is none', async () => {
    writeProgram(join(folder, 'firecracker'), '#!/bin/sh\n');
    const call = runMachine(machine, {
      vmm: 'firecracker',
      env: { PATH: folder },
      onOutput: () => undefined,
    });
    await expect(call).rejects.toMatchObject({
      code: 'FIRECRACKER_FAILED',
      message: 'running firecracker: found its end before its guest began, wanted a hypervisor',
    });
  });

  it('fails when there is no Firecracker', async () => {
    const call = runMachine(machine, {
      vmm: 'firecracker',
      env: { PATH: folder },
      onOutput: () => undefined,
    });
    await expect(call).rejects.toMatchObject({ code: 'FIRECRACKER_NOT_FOUND' });
  });
});
