import { handOver } from '../run/hand-over.ts';
import type { PortForward } from '../run/port-forward.ts';
import { connectQmp, type QmpOptions } from '../run/qmp.ts';
import { parseUserNetwork } from '../run/user-network.ts';
import type { Control } from './control.ts';

/** @throws ConvertError `QEMU_FAILED`, as all its functions do. */
export async function connectQemu(path: string, options: QmpOptions): Promise<Control> {
  const qmp = await connectQmp(path, options);
  const userNetwork = async (): Promise<string> => {
    const line = { 'command-line': 'info usernet' };
    return String(await qmp.execute('human-monitor-command', line));
  };
  return {
    async handOver({ boot }) {
      if (boot.kind === 'direct') await handOver(qmp, boot.commandLine);
    },
    async isRunning() {
      const status = await qmp.execute('query-status');
      return typeof status === 'object' && status !== null && 'status' in status
        ? status.status !== 'prelaunch'
        : false;
    },
    async letGo() {
      await qmp.execute('cont');
    },
    userNetwork,
    async ports(forwards) {
      return forwards.length === 0 ? [] : chosenPorts(forwards, await userNetwork());
    },
    close: async () => qmp.close(),
  };
}

function chosenPorts(forwards: readonly PortForward[], connections: string): PortForward[] {
  const waiting = parseUserNetwork(connections).filter(({ state }) => state === 'HOST_FORWARD');
  return forwards.map((forward) => {
    const at = waiting.findIndex((one) => isFor(forward, one));
    const [found] = at === -1 ? [] : waiting.splice(at, 1);
    return found === undefined ? forward : { ...forward, hostPort: found.sourcePort };
  });
}

function isFor(forward: PortForward, found: ReturnType<typeof parseUserNetwork>[number]): boolean {
  return (
    found.protocol === forward.protocol &&
    found.guestPort === forward.guestPort &&
    found.sourceAddress === forward.hostAddress &&
    (forward.hostPort === 0 || forward.hostPort === found.sourcePort)
  );
}
