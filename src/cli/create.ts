import type { Command } from 'commander';
import type { CreateCommandOptions } from './create-machine.ts';
import { collect } from './env.ts';
import { addGuestOptions } from './guest-options.ts';
import { addHardwareOptions } from './hardware-options.ts';
import { givenOptionsOf } from './image-only.ts';
import { addRootOptions } from './machine-session.ts';
import { addObtainOptions } from './source-options.ts';

export function defineCreate(command: Command): void {
  command
    .description(
      'Makes a machine of a disk or an image. Its hypervisor waits with the guest until "start", and goes ' +
        'on when this command and its terminal have ended.',
    )
    .argument('<id>', 'the name of the machine')
    .argument('<file|ref>', 'a disk made by build, or an image reference')
    .option('--log-size <size>', 'keep at most this much of the console, the newest', '16M')
    .option(
      '--annotation <name=value>',
      'keep this with the machine, for "state" (repeatable)',
      collect,
    )
    .option(
      '--hook <point=/program>',
      'run a program, POINT=/PROGRAM[,ARGUMENT...] (repeatable)',
      collect,
    )
    .option(
      '--hooks <file>',
      'hooks as in a config.json of the OCI runtime spec (repeatable)',
      collect,
    )
    .addHelpText('after', examples);
  addRootOptions(addObtainOptions(addGuestOptions(addHardwareOptions(command)))).action(
    createCommand,
  );
}

const examples = `
A disk takes --env, --env-file and --network user,hostname=NAME: it is given
them when it starts, and not built anew.

Points of hooks: prestart and createRuntime in create, poststart in start,
poststop in delete.

Examples:
  osv-convert create web web.qcow2 -p 8080:8080
  osv-convert create web mcr.microsoft.com/dotnet/samples:aspnetapp -p 0:8080
  osv-convert create web web.raw --share ./settings:/app/settings
  osv-convert create web web.raw --vmm firecracker --network tap:tap0
  osv-convert create job job.raw --verbose --hook poststop=/usr/bin/logger,job`;

async function createCommand(
  id: string,
  target: string,
  options: CreateCommandOptions,
  command: Command,
): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { createTarget } = await import('./create-machine.ts');
  await withSession(command, async (session) => {
    await createTarget(session, id, target, options, givenOptionsOf(command));
  });
}
