import type { GuestEnd } from '../run/end.ts';
import type { PortForward } from '../run/port-forward.ts';
import type { MachineId } from './machine-id.ts';
import type { MachineRecord } from './record.ts';

/** The OCI runtime spec that states and hooks follow (github.com/opencontainers/runtime-spec). */
export const ociVersion = '1.3.0';

/** As the spec has it; `creating` also while hooks of the creation run. */
export type Status = 'creating' | 'created' | 'running' | 'stopped';

/** The state of a machine in the words of the spec (runtime.md, "State"). */
export interface MachineState {
  readonly ociVersion: string;
  readonly id: MachineId;
  readonly status: Status;
  /** Of the hypervisor; absent when it is stopped. */
  readonly pid?: number;
  /** The folder of the machine. */
  readonly bundle: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** What is seen of a machine. */
export interface Signs {
  /** Its creation was done. */
  readonly created: boolean;
  readonly creatorLives: boolean;
  readonly hypervisorLives: boolean;
  /** The guest was let go. */
  readonly started: boolean;
}

/** A creation that was cut off is stopped: it never comes to be created, and may be removed. */
export function statusOf({ created, creatorLives, hypervisorLives, started }: Signs): Status {
  if (!created) return creatorLives ? 'creating' : 'stopped';
  if (!hypervisorLives) return 'stopped';
  return started ? 'running' : 'created';
}

const prefix = 'osv-convert.';

/** `end` is given for a machine that is stopped. */
export function describeState(
  { id, source, annotations, vmm }: MachineRecord,
  status: Status,
  bundle: string,
  end?: GuestEnd,
): MachineState {
  const ports = vmm?.ports.map(portText).join(', ');
  return {
    ociVersion,
    id,
    status,
    ...(vmm !== undefined && status !== 'stopped' && { pid: vmm.hypervisor.pid }),
    bundle,
    annotations: {
      ...annotations,
      [`${prefix}source`]: source,
      ...(ports && { [`${prefix}ports`]: ports }),
      ...(end !== undefined && { [`${prefix}end`]: endText(end) }),
    },
  };
}

/** `127.0.0.1:8080->80/tcp`. */
export function portText({ protocol, hostAddress, hostPort, guestPort }: PortForward): string {
  return `${hostAddress}:${hostPort}->${guestPort}/${protocol}`;
}

/** `powered off (exit code 3)`. */
export function endText(end: GuestEnd): string {
  switch (end.how) {
    case 'powered-off':
      return end.exitCode === undefined ? 'powered off' : `powered off (exit code ${end.exitCode})`;
    case 'aborted':
      return `aborted: ${end.reason}`;
    case 'killed':
      return end.signal === undefined ? 'killed' : `killed (${end.signal})`;
    case 'timed-out':
      return 'timed out';
    case 'share-lost':
      return `lost its share ${end.folder}, whose virtiofsd ended`;
    case 'failed':
      return `failed (the hypervisor's exit code ${end.exitCode})`;
    case 'unknown':
      return 'unknown';
  }
}
