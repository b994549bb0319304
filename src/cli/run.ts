import type { Command } from 'commander';
import { addGlobalOptions } from './globals.ts';
import { addGuestOptions } from './guest-options.ts';
import { addHardwareOptions } from './hardware-options.ts';
import { givenOptionsOf } from './image-only.ts';
import { addMachineOptions } from './machine-options.ts';
import type { RunCommandOptions } from './run-machine.ts';
import { addObtainOptions } from './source-options.ts';

export function defineRun(command: Command): void {
  command
    .description(
      'Boots a disk, or an image straight from its reference. The console is on stdout; ' +
        'the command ends when the guest powers off, or with Ctrl-C.',
    )
    .argument('<file|ref>', 'a disk made by build, or an image reference')
    .option('--no-cache', 'of an image: build its disk anew, and do not keep it');
  addGlobalOptions(
    addObtainOptions(addGuestOptions(addMachineOptions(addHardwareOptions(command)))),
  )
    .addHelpText('after', examples)
    .action(runCommand);
}

const examples = `
A disk takes --env and --env-file, and --network user,hostname=NAME: it is given
them when it starts, and not built anew. Its files, runtime and command are what
they were when it was built.

The disk of an image is kept in $XDG_CACHE_HOME/osv-convert/disks, and used
again as long as all that goes into it is the same (see osv-convert cache). The
variables of its guest stand on it; --no-cache keeps nothing.

Examples:
  osv-convert run web.qcow2 -p 8080:8080 --memory 512M
  osv-convert run registry.example/shop:3 -p 8080:8080 --env-file shop.env
  osv-convert run oci:./tools --entrypoint /app/tool --cmd migrate
  osv-convert run web.raw -p 8080:8080 --wait-port 8080
  osv-convert run job.raw --network none --verbose --timeout 600
  osv-convert run web.raw --network tap:tap0,ip=192.0.2.2/24,gateway=192.0.2.1
  osv-convert run web.raw --vmm firecracker --network tap:tap0 --dry-run`;

async function runCommand(
  target: string,
  options: RunCommandOptions,
  command: Command,
): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { runTarget } = await import('./run-machine.ts');
  const tool = command.parent?.version() ?? '';
  await withSession(command, async (session) => {
    await runTarget(session, target, { ...options, tool }, givenOptionsOf(command));
  });
}
