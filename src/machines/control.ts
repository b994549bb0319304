import { type FileHandle, open } from 'node:fs/promises';
import { connect } from 'node:net';
import { handOver } from '../run/hand-over.ts';
import type { Machine } from '../run/machine.ts';
import type { PortForward } from '../run/port-forward.ts';
import { connectQmp, type Qmp, type QmpOptions } from '../run/qmp.ts';
import { parseUserNetwork } from '../run/user-network.ts';
import { fileNames } from './record.ts';

/** QEMU's ear for one machine; others wait while it is had. */
export interface Control {
  /** Gives a machine that boots directly its command line; it then waits before its first instruction. */
  handOver(boot: Machine['boot']): Promise<void>;
  /** The guest was let go. */
  isRunning(): Promise<boolean>;
  /** Lets it go. */
  letGo(): Promise<void>;
  /** What QEMU's monitor says to `info usernet`. */
  userNetwork(): Promise<string>;
  /** `forwards` with the ports that the host chose. */
  ports(forwards: readonly PortForward[]): Promise<readonly PortForward[]>;
  close(): void;
}

/** @throws ConvertError `QEMU_FAILED`, as all its functions do. */
export async function controlOf(folder: string, options: QmpOptions = {}): Promise<Control> {
  return await throughFolder(folder, async (path) =>
    createControl(await connectQmp(path, options)),
  );
}

/** Whether anyone listens on the socket of a machine. */
export async function answersAt(folder: string): Promise<boolean> {
  const answers = (path: string): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(path, () => resolve(true));
      // Too many wait already for him who listens (unix(7)).
      socket.on('error', (error) => resolve('code' in error && error.code === 'EAGAIN'));
      socket.once('connect', () => socket.destroy());
    });
  return await throughFolder(folder, answers).catch(() => false);
}

/** The address of a socket has 107 bytes at most (unix(7)); folders have longer names. */
async function throughFolder<T>(folder: string, use: (path: string) => Promise<T>): Promise<T> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, 'r');
    return await use(`/proc/self/fd/${handle.fd}/${fileNames.control}`);
  } finally {
    await handle?.close();
  }
}

function createControl(qmp: Qmp): Control {
  const control: Control = {
    async handOver(boot) {
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
    async userNetwork() {
      const line = { 'command-line': 'info usernet' };
      return String(await qmp.execute('human-monitor-command', line));
    },
    async ports(forwards) {
      if (forwards.length === 0) return [];
      const waiting = parseUserNetwork(await control.userNetwork()).filter(
        ({ state }) => state === 'HOST_FORWARD',
      );
      return forwards.map((forward) => {
        const at = waiting.findIndex((one) => isFor(forward, one));
        const [found] = at === -1 ? [] : waiting.splice(at, 1);
        return found === undefined ? forward : { ...forward, hostPort: found.sourcePort };
      });
    },
    close: () => qmp.close(),
  };
  return control;
}

function isFor(forward: PortForward, found: ReturnType<typeof parseUserNetwork>[number]): boolean {
  return (
    found.protocol === forward.protocol &&
    found.guestPort === forward.guestPort &&
    found.sourceAddress === forward.hostAddress &&
    (forward.hostPort === 0 || forward.hostPort === found.sourcePort)
  );
}
