import { ConvertError } from '../error.ts';
import { handOver } from './hand-over.ts';
import type { Machine } from './machine.ts';
import { controlDescriptor, startVmm } from './process.ts';
import { qemuArguments, qemuPrograms } from './qemu-arguments.ts';
import { openQmp, type Qmp } from './qmp.ts';
import type { Vmm } from './vmm.ts';

/** Milliseconds for an answer: a busy host takes long to start a machine. */
const patience = 60_000;

/** @throws ConvertError `QEMU_NOT_FOUND`. */
export function startQemu(machine: Machine, env: NodeJS.ProcessEnv): Vmm {
  const { architecture, boot } = machine;
  const program = qemuPrograms[architecture];
  const args = qemuArguments(machine, { kind: 'descriptor', descriptor: controlDescriptor });
  const started = startVmm(program, args, env);
  if (started === undefined) throw notFound(program, architecture);
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
      const how = code === null ? `killed by ${signal}` : `exit code ${code}`;
      const said = talk === '' ? '' : `: ${talk}`;
      return new ConvertError('QEMU_FAILED', `running ${program}: found ${how}, wanted 0${said}`);
    },
    dispose: async () => undefined,
  };
}

function notFound(program: string, architecture: Machine['architecture']): ConvertError {
  const debianPackage = architecture === 'x86_64' ? 'qemu-system-x86' : 'qemu-system-arm';
  return new ConvertError(
    'QEMU_NOT_FOUND',
    `starting the machine: found no ${program} on PATH, wanted it`,
    { hint: `sudo apt-get install ${debianPackage}` },
  );
}
