import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { ConvertError } from '../error.ts';
import type { Machine } from './machine.ts';

export interface KvmState {
  readonly usable: boolean;
  /** What was found. */
  readonly found: string;
}

export interface KvmHost {
  readonly architecture: string;
  readonly device: string;
  /** Folder that has one entry a kernel module. */
  readonly modules: string;
}

const thisHost: KvmHost = {
  architecture: process.arch,
  device: '/dev/kvm',
  modules: '/sys/module',
};

/** In the words of Node. */
const hostOf = { x86_64: 'x64', aarch64: 'arm64' } as const;

/**
 * Whether this machine's KVM can run OSv for the architecture of the guest. Its paravirtual form for nested
 * machines (kvm_pvm) cannot: it emulates a guest that does not know it, and knows no SSE instructions.
 */
export function probeKvm(
  { architecture, device, modules }: KvmHost = thisHost,
  guest: Machine['architecture'] = 'x86_64',
): KvmState {
  if (architecture !== hostOf[guest])
    return { usable: false, found: `a host of architecture ${architecture}` };
  if (existsSync(join(modules, 'kvm_pvm'))) {
    return { usable: false, found: 'kvm_pvm, which cannot run OSv' };
  }
  try {
    closeSync(openSync(device, 'r+'));
    return { usable: true, found: device };
  } catch {
    return { usable: false, found: `no access to ${device}` };
  }
}

/** @throws ConvertError `QEMU_FAILED` when KVM is wanted and cannot be used. */
export function chooseAccelerator(
  wanted: 'auto' | 'kvm' | 'tcg',
  kvm: KvmState,
): Machine['accelerator'] {
  if (wanted === 'kvm' && !kvm.usable) {
    throw new ConvertError(
      'QEMU_FAILED',
      `choosing an accelerator: found ${kvm.found}, wanted KVM`,
      {
        hint: 'leave out --accel kvm',
      },
    );
  }
  return wanted !== 'tcg' && kvm.usable ? 'kvm' : 'tcg';
}
