import { setTimeout as delay } from 'node:timers/promises';
import { ConvertError } from '../error.ts';
import { handOver } from './hand-over.ts';
import type { Machine } from './machine.ts';
import { controlDescriptor, startVmm } from './process.ts';
import { qemuArguments, qemuPrograms } from './qemu-arguments.ts';
import { hintFor } from './qemu-hint.ts';
import { openQmp, type Qmp } from './qmp.ts';
import { serveShares } from './virtiofsd.ts';
import type { Vmm } from './vmm.ts';

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
  let opened: Promise<Qmp> | undefined;
  const qmp = (): Promise<Qmp> => {
    opened ??= openQmp(started.control, { timeout: patience });
    return opened;
  };
  return {
    process: started,
    // A machine that boots itself was not told to wait.
    begin: async () => {
      if (boot.kind === 'direct') await handOver(await qmp(), boot.commandLine);
    },
    userNetwork: async () => {
      const command = { 'command-line': 'info usernet' };
      return String(await (await qmp()).execute('human-monitor-command', command));
    },
    failure: ({ code, signal, talk }) => {
      if (lost !== undefined) return noServer(lost);
      const how = code === null ? `killed by ${signal}` : `exit code ${code}`;
      const said = talk === '' ? '' : `: ${talk}`;
      const sentence = `running ${program}: found ${how}, wanted 0${said}`;
      return new ConvertError('QEMU_FAILED', sentence, hintFor(talk));
    },
    dispose: async () => await servers?.dispose(),
  };
}

/** The guest would wait for its files for ever. */
function noServer(folder: string): ConvertError {
  return new ConvertError(
    'QEMU_FAILED',
    `sharing ${folder}: found that its virtiofsd ended, wanted it as long as the machine`,
  );
}

export function noQemu(doing: string, architecture: Machine['architecture']): ConvertError {
  const debianPackage = architecture === 'x86_64' ? 'qemu-system-x86' : 'qemu-system-arm';
  return new ConvertError(
    'QEMU_NOT_FOUND',
    `${doing}: found no ${qemuPrograms[architecture]} on PATH, wanted it`,
    { hint: `sudo apt-get install ${debianPackage}` },
  );
}
