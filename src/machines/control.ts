import { type FileHandle, open } from 'node:fs/promises';
import type { Machine } from '../run/machine.ts';
import type { PortForward } from '../run/port-forward.ts';
import type { QmpOptions } from '../run/qmp.ts';
import type { VmmKind } from '../run/run-machine.ts';
import { connectFirecracker } from './control-firecracker.ts';
import { connectQemu } from './control-qemu.ts';
import { someoneListens } from './listener.ts';
import { controlNames } from './record.ts';

/** The hypervisor's ear for one machine. QEMU has one at a time; others wait while it is had. */
export interface Control {
  /** Tells the hypervisor what it does not know yet; it then waits before the first instruction of the guest. */
  handOver(machine: Machine): Promise<void>;
  /** The guest was let go. */
  isRunning(): Promise<boolean>;
  /** Lets it go. */
  letGo(): Promise<void>;
  /** What QEMU's monitor says to `info usernet`; nothing where there are no such networks. */
  userNetwork(): Promise<string>;
  /** `forwards` with the ports that the host chose. */
  ports(forwards: readonly PortForward[]): Promise<readonly PortForward[]>;
  close(): Promise<void>;
}

/** @throws ConvertError `QEMU_FAILED` or `FIRECRACKER_FAILED`, as all its functions do. */
export async function controlOf(
  folder: string,
  kind: VmmKind,
  options: QmpOptions = {},
): Promise<Control> {
  const held = await holdFolder(folder);
  const path = held.pathOf(controlNames[kind]);
  try {
    const connectTo = kind === 'qemu' ? connectQemu : connectFirecracker;
    const control = await connectTo(path, options);
    return { ...control, close: async () => await control.close().finally(held.close) };
  } catch (error) {
    await held.close();
    throw error;
  }
}

/** Whether anyone listens on the socket of a machine. */
export async function answersAt(folder: string, kind: VmmKind): Promise<boolean> {
  try {
    const held = await holdFolder(folder);
    return await someoneListens(held.pathOf(controlNames[kind])).finally(held.close);
  } catch {
    return false;
  }
}

interface HeldFolder {
  readonly pathOf: (name: string) => string;
  readonly close: () => Promise<void>;
}

/** The address of a socket has 107 bytes at most (unix(7)); folders have longer names. */
async function holdFolder(folder: string): Promise<HeldFolder> {
  const handle: FileHandle = await open(folder, 'r');
  return {
    pathOf: (name) => `/proc/self/fd/${handle.fd}/${name}`,
    close: () => handle.close(),
  };
}
