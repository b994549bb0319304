import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { ConvertError } from '../error.ts';
import type { Machine } from './machine.ts';
import { parseUserNetwork } from './user-network.ts';
import type { Vmm } from './vmm.ts';

/** Where a port of a guest is reached from this host. */
export type PortTarget =
  | { readonly kind: 'forward'; readonly guestPort: number }
  | { readonly kind: 'address'; readonly host: string; readonly port: number };

/** Milliseconds between two looks. */
const interval = 100;

/**
 * Through a forward where there is one, else at a static address of the guest, from which this host knows.
 * @throws ConvertError `USAGE` when there is neither.
 */
export function portTarget({ networks }: Pick<Machine, 'networks'>, port: number): PortTarget {
  for (const network of networks) {
    const forwards = network.kind === 'user' ? network.forwards : [];
    if (forwards.some(({ protocol, guestPort }) => protocol === 'tcp' && guestPort === port)) {
      return { kind: 'forward', guestPort: port };
    }
  }
  const reached = networks.find(({ kind, address }) => kind !== 'user' && address !== undefined);
  if (reached?.address !== undefined) return { kind: 'address', host: reached.address.ip, port };
  throw new ConvertError(
    'USAGE',
    `waiting for port ${port} of the guest: found no way to it, wanted it forwarded, or a static address`,
    { hint: `-p ${port}:${port}` },
  );
}

/** Resolves when the port takes connections; true. False when `over` aborts before. @throws ConvertError of `vmm`. */
export async function untilPortAnswers(
  vmm: Pick<Vmm, 'userNetwork'>,
  target: PortTarget,
  over: AbortSignal,
): Promise<boolean> {
  while (!over.aborted) {
    const answers =
      target.kind === 'address'
        ? await takesConnection(target.host, target.port)
        : await guestTakesConnection(vmm, target.guestPort);
    if (answers) return true;
    await pause(interval);
  }
  return false;
}

async function takesConnection(host: string, port: number): Promise<boolean> {
  const socket = await connected(host, port);
  socket?.destroy();
  return socket !== undefined;
}

/**
 * QEMU takes a connection to a forwarded port at once, whether or not the guest does. It knows the guest's
 * side: there a connection is established only when the guest has answered.
 */
async function guestTakesConnection(
  vmm: Pick<Vmm, 'userNetwork'>,
  guestPort: number,
): Promise<boolean> {
  const forward = await find(vmm, guestPort, 'HOST_FORWARD');
  if (forward === undefined) return false;
  const { sourceAddress: address, sourcePort } = forward;
  const host = address === '0.0.0.0' ? '127.0.0.1' : address;
  const socket = await connected(host, sourcePort);
  if (socket === undefined) return false;
  try {
    while (!socket.closed && !socket.readableEnded) {
      if ((await find(vmm, guestPort, 'ESTABLISHED')) !== undefined) return true;
      await pause(interval);
    }
    return false;
  } finally {
    socket.destroy();
  }
}

async function find(vmm: Pick<Vmm, 'userNetwork'>, guestPort: number, state: string) {
  const connections = parseUserNetwork(await vmm.userNetwork());
  return connections.find(
    (one) => one.protocol === 'tcp' && one.guestPort === guestPort && one.state === state,
  );
}

/** Milliseconds: a host that is not there answers nothing. */
const connectPatience = 2000;

function connected(host: string, port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: connectPatience });
    const fail = (): void => {
      socket.destroy();
      resolve(undefined);
    };
    socket.on('error', fail).once('timeout', fail);
    // Its end is seen only by who reads.
    socket.once('connect', () => resolve(socket.setTimeout(0).resume()));
  });
}
