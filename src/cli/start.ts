import type { Command } from 'commander';
import { addRootOptions, stateLine, withMachine } from './machine-session.ts';

interface StartCommandOptions {
  readonly waitPort?: string;
  readonly waitLine?: string;
  readonly waitTimeout: string;
}

export function defineStart(command: Command): void {
  command
    .description(
      'Lets the guest of a machine go that "create" made; waits until it is ready where a sign of that is given.',
    )
    .argument('<id>', 'the name of the machine')
    .option('--wait-port <port>', 'wait until this TCP port of the guest takes connections')
    .option('--wait-line <text>', 'wait until this text is on the console')
    .option('--wait-timeout <seconds>', 'how long to wait for these', '300')
    .addHelpText('after', examples);
  addRootOptions(command).action(startCommand);
}

const examples = `
Examples:
  osv-convert start web --wait-port 8080
  osv-convert start job && osv-convert logs --follow job`;

async function startCommand(
  name: string,
  options: StartCommandOptions,
  command: Command,
): Promise<void> {
  const { startMachine } = await import('../machines/start.ts');
  const { machineWishesOf } = await import('./machine-options.ts');
  const { ready } = machineWishesOf(options);
  await withMachine(command, name, async ({ root, id, warn, signal, print }) => {
    const wishes = { onWarning: warn, signal, ...(ready && { ready }) };
    const state = await startMachine(root, id, wishes);
    await print(state, stateLine(state));
  });
}
