import type { Command } from 'commander';
import { ConvertError } from '../error.ts';
import { addRootOptions, withMachine } from './machine-session.ts';
import { writeStdout } from './stdout.ts';

interface LogsOptions {
  readonly follow?: boolean;
  readonly tail?: string;
}

export function defineLogs(command: Command): void {
  command
    .description(
      'Prints what the guest of a machine wrote on its console, byte for byte, as "run" does.',
    )
    .argument('<id>', 'the name of the machine')
    .option('-f, --follow', 'go on until the machine is stopped')
    .option('--tail <lines>', 'only the last lines')
    .addHelpText(
      'after',
      '\nExamples:\n  osv-convert logs web\n  osv-convert logs -f --tail 20 web',
    );
  addRootOptions(command).action(logsCommand);
}

async function logsCommand(
  name: string,
  { follow = false, tail }: LogsOptions,
  command: Command,
): Promise<void> {
  const { readLog } = await import('../machines/logs.ts');
  const lines = tail === undefined ? undefined : parseLines(tail);
  await withMachine(command, name, async ({ root, id, signal }) => {
    const options = { follow, signal, ...(lines !== undefined && { tail: lines }) };
    for await (const piece of readLog(root, id, options)) await writeStdout(piece);
  });
}

function parseLines(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const found = JSON.stringify(text.slice(0, 40));
  throw new ConvertError('USAGE', `reading --tail: found ${found}, wanted a number of lines`);
}
