import { ConvertError } from '../error.ts';
import { saidLast } from '../run/console-tail.ts';
import type { MachineEnd } from '../run/run-machine.ts';
import { exitByteOf } from './exit-byte.ts';

/**
 * The exit code of a command that ran a machine to its end: that of the program in it, where the kernel
 * told it, as `docker run` has it, else 0.
 * @throws ConvertError `GUEST_ABORTED`, `MACHINE_TIMED_OUT`, `QEMU_FAILED` for an end without a known cause.
 */
export function settleEnd({ end, lastLines }: MachineEnd): number {
  switch (end.how) {
    case 'powered-off':
      return exitByteOf(end.exitCode ?? 0);
    case 'aborted':
      throw new ConvertError(
        'GUEST_ABORTED',
        `running the machine: found that its guest aborted (${end.reason}), wanted it to end by itself${saidLast(lastLines)}`,
      );
    case 'timed-out':
      throw new ConvertError(
        'MACHINE_TIMED_OUT',
        `running the machine: found it at work when its time was over, wanted its end before${saidLast(lastLines)}`,
        { hint: 'allow it more time: --timeout SECONDS' },
      );
    default:
      throw new ConvertError(
        'QEMU_FAILED',
        `running the machine: found its hypervisor ${end.how}, wanted its guest to power off`,
      );
  }
}
