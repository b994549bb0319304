import { handOverArguments } from './hand-over.ts';
import type { Machine } from './machine.ts';
import type { PortForward } from './port-forward.ts';

/**
 * The arguments of qemu-system-x86_64 for a machine. `-M pc`, for OSv hangs on the CD-ROM of q35; a
 * read-only disk, for ROFS is one and several machines may run it; no terminal signals through the
 * console; a reboot ends the run. The command line of a kernel is not among them: see `handOver`.
 */
export function qemuArguments(machine: Machine): string[] {
  const { disk, boot, memory, cpus, accelerator, forwards } = machine;
  const onDisk = boot.kind === 'bios' ? ',bootindex=0' : '';
  return [
    ...['-M', 'pc'],
    ...['-cpu', 'max'],
    ...['-accel', accelerator === 'tcg' ? 'tcg,thread=multi' : 'kvm'],
    ...['-m', String(memory)],
    ...['-smp', String(cpus)],
    ...['-display', 'none'],
    ...['-monitor', 'none'],
    '-no-reboot',
    ...['-chardev', 'stdio,id=console,signal=off'],
    ...['-serial', 'chardev:console'],
    ...[
      '-drive',
      `file=${escapeValue(disk.path)},if=none,id=disk,format=${disk.format},readonly=on`,
    ],
    ...['-device', `virtio-blk-pci,drive=disk${onDisk}`],
    ...['-netdev', ['user,id=net', ...forwards.map(hostForward)].join(',')],
    ...['-device', 'virtio-net-pci,netdev=net'],
    ...['-device', 'virtio-rng-pci'],
    ...(boot.kind === 'direct' ? ['-kernel', boot.kernel, ...handOverArguments] : []),
  ];
}

function hostForward({ protocol, hostAddress, hostPort, guestPort }: PortForward): string {
  return `hostfwd=${protocol}:${hostAddress}:${hostPort}-:${guestPort}`;
}

/** In `key=value,…` a comma is doubled (qemu(1), "-drive"). */
function escapeValue(text: string): string {
  return text.replaceAll(',', ',,');
}
