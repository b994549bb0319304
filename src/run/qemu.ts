import { setTimeout as delay } from 'node:timers/promises';
import { ConvertError } from '../error.ts';
import { handOver } from './hand-over.ts';
import type { Machine } from './machine.ts';
import { controlDescriptor, startVmm } from './process.ts';
import { qemuArguments, qemuPrograms } from './qemu-arguments.ts';
import { openQmp, type Qmp } from './qmp.ts';
import { serveShares } from './share-servers.ts';
import { lostShare } from './virtiofsd.ts';
import type { Vmm } from './vmm.ts';
import { vmmFailure } from './vmm-failure.ts';

/** Milliseconds for an answer: a busy host takes long to start a machine. */
const patience = 60_000;

/** Milliseconds in which a machine is gone after its servers saw it end. */
const moment = 1000;

/** @throws ConvertError `QEMU_NOT_FOUND`, `QEMU_FAILED` where a folder cannot be shared. */
export async function startQemu(machine: Machine, env: NodeJS.ProcessEnv): Promise<Vmm> {
  const { architecture, boot } = machine;
  const program = qemuPrograms[architecture];
  const servers = machine.shares && (await serveShares(machine.shares, env));
  const whole = servers ? { ...machine, shares: servers.shares } : machine;
  const args = qemuArguments(whole, { kind: 'descriptor', descriptor: controlDescriptor });
  const started = startVmm(program, args, env);
  if (started === undefined) {
    await servers?.dispose();
    throw noQemu('starting the machine', architecture);
  }
  let lost: string | undefined;
  void servers?.lost.then(async (folder) => {
    // A machine that ends takes its servers with it, and a moment later is gone itself.
    const over = started.ended.then(
      () => true,
      () => true,
    );
    if (await Promise.race([over, delay(moment, false, { ref: false })])) return;
    lost = folder;
    started.kill();
  });
  // Nothing tells what a machine is started by that boots itself.
  let isKnown = boot.kind === 'bios';
  let opened: Promise<Qmp> | undefined;
  const qmp = (): Promise<Qmp> => {
    opened ??= openQmp(started.control, { timeout: patience });
    return opened;
  };
  return {
    process: started,
    // A machine that boots itself was not told to wait.
    begin: async () => {
      if (boot.kind === 'bios') return;
      const monitor = await qmp();
      isKnown = true;
      await handOver(monitor, boot.commandLine);
    },
    isKnown: () => isKnown,
    userNetwork: async () => {
      const command = { 'command-line': 'info usernet' };
      return String(await (await qmp()).execute('human-monitor-command', command));
    },
    failure: (exit) =>
      lost === undefined ? vmmFailure('QEMU_FAILED', 'running', program, exit) : lostShare(lost),
    dispose: async () => await servers?.dispose(),
  };
}

export function noQemu(doing: string, architecture: Machine['architecture']): ConvertError {
  const debianPackage = architecture === 'x86_64' ? 'qemu-system-x86' : 'qemu-system-arm';
  return new ConvertError(
    'QEMU_NOT_FOUND',
    `${doing}: found no ${qemuPrograms[architecture]} on PATH, wanted it`,
    { hint: `sudo apt-get install ${debianPackage}` },
  );
}
