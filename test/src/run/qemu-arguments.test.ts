import { describe, expect, it } from 'vitest';
import { dryRunOf, textOfDryRun } from '../../../src/run/dry-run.ts';
import type { Machine } from '../../../src/run/machine.ts';
import { parseNetwork } from '../../../src/run/parse-network.ts';
import { networksOf } from '../../../src/run/plan-networks.ts';
import { parsePortForward } from '../../../src/run/port-forward.ts';
import { type Control, qemuArguments } from '../../../src/run/qemu-arguments.ts';

const machine: Machine = {
  architecture: 'x86_64',
  disk: { path: '/disks/hello.img', format: 'raw' },
  disks: [],
  boot: { kind: 'bios' },
  memory: 512,
  cpus: 2,
  accelerator: 'tcg',
  networks: [],
};

const direct: Machine = {
  ...machine,
  boot: { kind: 'direct', kernel: '/store/k,1', commandLine: '--env=A=b,c /app/hello "x y" !' },
};

const before =
  '-M pc -cpu max -accel tcg,thread=multi -m 512 -smp 2 -display none -monitor none -no-reboot ' +
  '-chardev stdio,id=console,signal=off -serial chardev:console ' +
  '-drive file=/disks/hello.img,if=none,id=disk,format=raw,readonly=on';

function textOf(of: Machine, control?: Control): string {
  return qemuArguments(of, control).join(' ');
}

/** The arguments of the networks alone. */
function networkText(words: readonly string[], forwards: readonly string[] = []): string {
  const networks = networksOf(words.map(parseNetwork), forwards.map(parsePortForward), 'one');
  const [, text = ''] =
    /virtio-blk-pci,\S+ (.*) -device virtio-rng-pci/.exec(textOf({ ...machine, networks })) ?? [];
  return text;
}

describe('qemuArguments', () => {
  it('boots a disk that has a kernel by BIOS, without a card where there is no network', () => {
    expect(textOf(machine)).toBe(
      `${before} -device virtio-blk-pci,drive=disk,bootindex=0 -nic none -device virtio-rng-pci`,
    );
  });

  it('puts the command line of a direct boot among the arguments when there is no control', () => {
    expect(textOf(direct)).toBe(
      `${before} -device virtio-blk-pci,drive=disk -nic none -device virtio-rng-pci ` +
        '-kernel /store/k,1 -append --env=A=b,c /app/hello "x y" !',
    );
  });

  it('lets QEMU wait for the command line, which others must not see, when there is one', () => {
    const control = { kind: 'descriptor', descriptor: 3 } as const;
    expect(textOf(direct, control)).toBe(
      `${before} -device virtio-blk-pci,drive=disk -nic none -device virtio-rng-pci ` +
        '-kernel /store/k,1 ' +
        '-chardev socket,id=control,fd=3 -mon chardev=control,mode=control --preconfig',
    );
    expect(textOf(machine, control)).not.toContain('--preconfig');
  });

  it('lets QEMU listen for control, where the path has a comma', () => {
    expect(textOf(machine, { kind: 'socket', path: '/a,b/qmp' })).toMatch(
      / -chardev socket,id=control,path=\/a,,b\/qmp,server=on,wait=off -mon chardev=control,mode=control$/,
    );
  });

  it('attaches data disks after the first, to be written, under KVM', () => {
    const text = textOf({
      ...machine,
      accelerator: 'kvm',
      disk: { path: '/d,1.qcow2', format: 'qcow2' },
      disks: [
        { path: '/data,1', format: 'raw' },
        { path: '/data2', format: 'qcow2' },
      ],
    });
    expect(text).toContain('-accel kvm ');
    expect(text).toContain(
      '-drive file=/d,,1.qcow2,if=none,id=disk,format=qcow2,readonly=on -device virtio-blk-pci,drive=disk,bootindex=0 ' +
        '-drive file=/data,,1,if=none,id=data0,format=raw -device virtio-blk-pci,drive=data0 ' +
        '-drive file=/data2,if=none,id=data1,format=qcow2 -device virtio-blk-pci,drive=data1 -nic',
    );
  });

  it('has the board of the architecture', () => {
    const arm = { ...direct, architecture: 'aarch64' } as const;
    expect(textOf({ ...arm, cpus: 8 })).toMatch(/^-M virt -cpu max /);
    expect(textOf({ ...arm, cpus: 9 })).toMatch(/^-M virt,gic-version=max -cpu max /);
  });

  it.each([
    ['none', [], '-nic none'],
    ['user', [], '-netdev user,id=net0 -device virtio-net-pci,netdev=net0,mac=52:54:00:f6:de:8d'],
    [
      'user,restrict,mac=52:54:00:00:00:01',
      ['8080:80', '0.0.0.0:53:53/udp'],
      '-netdev user,id=net0,restrict=on,hostfwd=tcp:127.0.0.1:8080-:80,hostfwd=udp:0.0.0.0:53-:53 ' +
        '-device virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01',
    ],
    [
      'user,mac=52:54:00:00:00:01,ip=192.0.2.66/26,gateway=192.0.2.65,dns=192.0.2.70',
      ['8080:80'],
      '-netdev user,id=net0,net=192.0.2.64/26,host=192.0.2.65,dns=192.0.2.70,' +
        'hostfwd=tcp:127.0.0.1:8080-192.0.2.66:80 ' +
        '-device virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01',
    ],
    [
      'user,mac=52:54:00:00:00:01,ip=192.0.2.66/24,dns=198.51.100.1',
      [],
      '-netdev user,id=net0,net=192.0.2.0/24 ' +
        '-device virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01',
    ],
    [
      'tap:tap0,mac=52:54:00:00:00:01',
      [],
      '-netdev tap,id=net0,ifname=tap0,script=no,downscript=no ' +
        '-device virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01',
    ],
    [
      'bridge:br0,mac=52:54:00:00:00:01',
      [],
      '-netdev bridge,id=net0,br=br0 -device virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01',
    ],
  ])('joins the machine to %s with the forwards %j', (network, forwards, text) => {
    expect(networkText([network], forwards)).toBe(text);
  });

  it('gives several cards in their order, and user networks different addresses', () => {
    expect(networkText(['user,mac=52:54:00:00:00:01', 'user,mac=52:54:00:00:00:02'], ['1:2'])).toBe(
      '-netdev user,id=net0,hostfwd=tcp:127.0.0.1:1-:2 -device virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01 ' +
        '-netdev user,id=net1,net=10.0.3.0/24 -device virtio-net-pci,netdev=net1,mac=52:54:00:00:00:02',
    );
  });
});

describe('textOfDryRun', () => {
  it('is a command that a shell takes as it is meant, for QEMU', () => {
    const run = dryRunOf({ ...direct, disk: { path: "/it's; $x", format: 'raw' } }, 'qemu');
    const text = textOfDryRun(run);
    expect(text).toMatch(/^qemu-system-x86_64 -M pc /);
    expect(text).toContain(`'file=/it'\\''s; $x,if=none,id=disk,format=raw,readonly=on'`);
    expect(text).toMatch(/ -append '--env=A=b,c \/app\/hello "x y" !'\n$/);
  });

  it('is a configuration file for Firecracker', () => {
    const run = dryRunOf(direct, 'firecracker');
    expect(run).toMatchObject({ arguments: ['--no-api', '--config-file', 'vm.json'] });
    expect(JSON.parse(textOfDryRun(run))).toMatchObject({ 'machine-config': { vcpu_count: 2 } });
  });
});
