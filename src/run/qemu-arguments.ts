import type { Disk, Machine } from './machine.ts';
import { networkArguments } from './qemu-networks.ts';
import { escapeValue } from './qemu-value.ts';

/** A socket for QMP (qemu-qmp-ref(7)): one that is open, or one that QEMU makes and listens on. */
export type Control =
  | { readonly kind: 'descriptor'; readonly descriptor: number }
  | { readonly kind: 'socket'; readonly path: string };

export const qemuPrograms = {
  x86_64: 'qemu-system-x86_64',
  aarch64: 'qemu-system-aarch64',
} as const satisfies Record<Machine['architecture'], string>;

/**
 * The arguments of QEMU for a machine. `-M pc`, for OSv hangs on the CD-ROM of q35; the disk of the system
 * only for reading, for ROFS is and several machines may run it; the console on stdout, without signals from
 * a terminal; a reboot ends the run.
 *
 * With a control, a machine that boots directly waits there for its command line, which is secret: see
 * `handOver`. Without one the command line stands among the arguments.
 */
export function qemuArguments(machine: Machine, control?: Control): string[] {
  const { disk, disks, shares = [], boot, memory, cpus, accelerator, networks } = machine;
  const bootIndex = boot.kind === 'bios' ? ',bootindex=0' : '';
  return [
    ...['-M', boardOf(machine)],
    ...['-cpu', 'max'],
    ...['-accel', accelerator === 'tcg' ? 'tcg,thread=multi' : 'kvm'],
    ...['-m', String(memory)],
    ...(shares.length > 0 ? sharedMemory(memory) : []),
    ...['-smp', String(cpus)],
    ...['-display', 'none'],
    ...['-monitor', 'none'],
    '-no-reboot',
    ...['-chardev', 'stdio,id=console,signal=off'],
    ...['-serial', 'chardev:console'],
    ...['-drive', `${drive('disk', disk)},readonly=on`],
    ...['-device', `virtio-blk-pci,drive=disk${bootIndex}`],
    ...disks.flatMap((data, at) => [
      ...['-drive', drive(`data${at}`, data)],
      ...['-device', `virtio-blk-pci,drive=data${at}`],
    ]),
    ...shares.flatMap(({ socket }, at) => [
      ...['-chardev', `socket,id=share${at},path=${escapeValue(socket)}`],
      ...['-device', `vhost-user-fs-pci,chardev=share${at},tag=share${at}`],
    ]),
    ...networkArguments(networks),
    ...['-device', 'virtio-rng-pci'],
    ...(boot.kind === 'direct' ? ['-kernel', boot.kernel] : []),
    ...controlArguments(control, boot),
  ];
}

/** The interrupt controller that `virt` has by itself is for eight processors at most (QEMU, hw/arm/virt.c). */
function boardOf({ architecture, cpus }: Machine): string {
  if (architecture === 'x86_64') return 'pc';
  return cpus > 8 ? 'virt,gic-version=max' : 'virt';
}

/** A server of folders reads and writes the guest's memory (qemu docs/system, "vhost-user"). */
function sharedMemory(memory: number): string[] {
  return [
    ...['-object', `memory-backend-memfd,id=memory,size=${memory}M,share=on`],
    ...['-machine', 'memory-backend=memory'],
  ];
}

function drive(id: string, { path, format }: Disk): string {
  const driver = format === 'vhd' || format === 'vhd-dynamic' ? 'vpc' : format;
  return `file=${escapeValue(path)},if=none,id=${id},format=${driver}`;
}

function controlArguments(control: Control | undefined, boot: Machine['boot']): string[] {
  if (control === undefined) return boot.kind === 'direct' ? ['-append', boot.commandLine] : [];
  const socket =
    control.kind === 'descriptor'
      ? `fd=${control.descriptor}`
      : `path=${escapeValue(control.path)},server=on,wait=off`;
  return [
    ...['-chardev', `socket,id=control,${socket}`],
    ...['-mon', 'chardev=control,mode=control'],
    ...(boot.kind === 'direct' ? ['--preconfig'] : []),
  ];
}
