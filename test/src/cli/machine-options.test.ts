import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import {
  addHardwareOptions,
  type HardwareOptions,
  hardwareOf,
} from '../../../src/cli/hardware-options.ts';
import { settleEnd } from '../../../src/cli/machine-end.ts';
import {
  addMachineOptions,
  type MachineOptions,
  machineWishesOf,
} from '../../../src/cli/machine-options.ts';

function wishes(...words: string[]) {
  const command = addMachineOptions(addHardwareOptions(new Command('run')));
  command.parse(words, { from: 'user' });
  const options = command.opts<MachineOptions & HardwareOptions>();
  return { ...hardwareOf(options), ...machineWishesOf(options) };
}

describe('hardwareOf and machineWishesOf', () => {
  it('wants QEMU and nothing else when nothing is said', () => {
    expect(wishes()).toEqual({
      ...{ memory: 1024, cpus: 1, accelerator: 'auto', forwards: [] },
      ...{ networks: [], verbose: false, vmm: 'qemu' },
    });
  });

  it('reads networks, times and signs of being ready', () => {
    const words = ['--network', 'user', '--network', 'tap:t0', '--verbose', '--timeout', '1.5'];
    const signs = ['--wait-port', '8080', '--wait-line', 'up', '--wait-timeout', '7'];
    expect(wishes(...words, ...signs, '--vmm', 'firecracker')).toMatchObject({
      networks: [{ kind: 'user' }, { kind: 'tap', device: 't0' }],
      verbose: true,
      vmm: 'firecracker',
      timeout: 1500,
      ready: { port: 8080, line: 'up', timeout: 7000 },
    });
    expect(wishes('--wait-port', '1').ready).toEqual({ port: 1, timeout: 300_000 });
  });

  it.each([
    ['--network', 'host'],
    ['--timeout', '0'],
    ['--timeout', '-1'],
    ['--timeout', '1m'],
    ['--timeout', '9999999'],
    ['--wait-port', '0'],
    ['--wait-port', '65536'],
    ['--wait-port', 'http'],
    ['--wait-line', ''],
  ])('refuses %s %s', (option, value) => {
    expect(() => wishes(option, value)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  it('refuses ports when two of them are the same one of the host', () => {
    const message = expect.stringContaining('found 80:80 and 0.0.0.0:80:81,');
    expect(() => wishes('-p', '80:80', '-p', '0.0.0.0:80:81')).toThrow(
      expect.objectContaining({ code: 'USAGE', message }),
    );
  });
});

describe('settleEnd', () => {
  const lastLines = ['before', 'last'];

  it.each([
    [undefined, 0],
    [0, 0],
    [3, 3],
    [-1, 255],
    [256, 1],
  ])('of a guest whose program returned %s is %i', (exitCode, wanted) => {
    const end = { how: 'powered-off', ...(exitCode !== undefined && { exitCode }) } as const;
    expect(settleEnd({ end, lastLines })).toBe(wanted);
  });

  it.each([
    [{ how: 'aborted', reason: 'page fault' }, 'GUEST_ABORTED', 'aborted (page fault)'],
    [{ how: 'timed-out' }, 'MACHINE_TIMED_OUT', 'its console ends:\nbefore\nlast'],
    [{ how: 'unknown' }, 'QEMU_FAILED', 'unknown'],
  ] as const)('of %j is a failure', (end, code, found) => {
    const settle = () => settleEnd({ end, lastLines });
    expect(settle).toThrow(expect.objectContaining({ code }));
    expect(settle).toThrow(found);
  });
});
