import type { ConvertError } from '../error.ts';
import type { VmmExit, VmmProcess } from './process.ts';

/** A hypervisor that was started for a machine, and waits. */
export interface Vmm {
  readonly process: VmmProcess;
  /**
   * Tells it what it does not know yet, and lets the machine go. `over` aborts when the process has ended.
   * @throws ConvertError when it refuses, ends before, or does not answer in a minute.
   */
  readonly begin: (over: AbortSignal) => Promise<void>;
  /** False as long as it has not shown that it is a hypervisor, where it would: any program may have its name. */
  readonly isKnown: () => boolean;
  /** What it says of the connections of its user networks, in QEMU's words; of none without them. */
  readonly userNetwork: () => Promise<string>;
  /** How a user learns of its failure. */
  readonly failure: (exit: VmmExit) => ConvertError;
  /** Removes what it needed on the host. */
  readonly dispose: () => Promise<void>;
}
