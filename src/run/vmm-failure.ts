import { basename } from 'node:path';
import { ConvertError } from '../error.ts';
import { signalOf } from './end.ts';
import type { VmmExit } from './process.ts';

/**
 * How a user learns that a hypervisor, and not its guest, was what ended a machine.
 * @param doing what is done with its program, such as `running`.
 */
export function vmmFailure(
  code: 'QEMU_FAILED' | 'FIRECRACKER_FAILED',
  doing: string,
  program: string,
  exit: VmmExit,
  cause?: unknown,
): ConvertError {
  const said = exit.talk === '' ? '' : `: ${exit.talk}`;
  const signal = signalOf(exit, exit.talk);
  const [found, wanted] =
    signal !== undefined
      ? [`it ended by ${signal}`, 'it to run until its guest ends']
      : exit.code === 0
        ? ['its end before its guest began', 'a hypervisor']
        : [`exit code ${exit.code}`, '0'];
  const hint = hintFor(exit, basename(program));
  return new ConvertError(code, `${doing} ${program}: found ${found}, wanted ${wanted}${said}`, {
    ...(hint !== undefined && { hint }),
    ...(cause !== undefined && { cause }),
  });
}

/** What to type next, where that is known. */
function hintFor({ code, signal, talk }: VmmExit, program: string): string | undefined {
  if (talk.includes('host forwarding')) return 'see what has the port: ss -ltnup';
  if (talk.includes('guest memory')) return 'see what this host has: free -m';
  if (talk.includes('bridge.conf')) {
    return 'allow the bridge: a line "allow BRIDGE" in /etc/qemu/bridge.conf';
  }
  if (signal === 'SIGKILL') {
    return 'see whether this host had no memory left: dmesg | grep -i "killed process"';
  }
  return code === 0 && talk === '' ? `see what it is: type -a ${program}` : undefined;
}
