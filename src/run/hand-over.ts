import type { Qmp } from './qmp.ts';

/**
 * Gives a QEMU that was started with `--preconfig` the command line of its kernel, and lets it go on. A
 * command line holds the variables of the guest, and everyone on a host sees the arguments of its processes.
 * The words are those of QMP (qemu-qmp-ref(7)): `append` is what `-append` sets.
 * @throws ConvertError `QEMU_FAILED` when QEMU refuses, or ends before.
 */
export async function handOver(qmp: Qmp, commandLine: string): Promise<void> {
  await qmp.execute('qom-set', { path: '/machine', property: 'append', value: commandLine });
  await qmp.execute('x-exit-preconfig');
}
