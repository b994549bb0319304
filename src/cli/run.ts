import { type Command, Option } from 'commander';
import { collect } from './env.ts';
import { addGlobalOptions } from './globals.ts';
import { addGuestOptions } from './guest-options.ts';
import type { RunCommandOptions } from './run-machine.ts';
import { addObtainOptions } from './source-options.ts';

export function addRun(program: Command): void {
  const command = program
    .command('run')
    .summary('boot a disk or an image in QEMU')
    .description(
      'Boots a disk, or an image straight from its reference, in QEMU. The console is on stdout; ' +
        'the command ends when the guest powers off, or with Ctrl-C.',
    )
    .argument('<file|ref>', 'a disk made by build, or an image reference')
    .option(
      '-p, --publish <host:guest>',
      'forward a port, [HOSTIP:]HOST:GUEST[/udp] (repeatable)',
      collect,
    )
    .option('--memory <size>', 'memory of the guest, such as 512M or 2G', '1G')
    .option('--cpus <count>', 'processors of the guest', '1')
    .option('--kernel <name>', 'kernel to use (default: the one of the disk, else the default one)')
    .addOption(
      new Option('--accel <which>', 'accelerator of QEMU')
        .choices(['auto', 'kvm', 'tcg'])
        .default('auto'),
    );
  addGlobalOptions(addObtainOptions(addGuestOptions(command))).action(runCommand);
}

async function runCommand(
  target: string,
  options: RunCommandOptions,
  command: Command,
): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { runTarget } = await import('./run-machine.ts');
  const given = command.options
    .map((option) => ({ name: option.attributeName(), flag: option.long ?? option.flags }))
    .filter(({ name }) => command.getOptionValueSource(name) === 'cli');
  await withSession(command, async (session) => await runTarget(session, target, options, given));
}
