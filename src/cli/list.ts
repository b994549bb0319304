import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { ConvertError } from '../error.ts';
import type { FoundMachine } from '../machines/find-machine.ts';
import { unreadHint, unreadReason } from '../unread-file.ts';
import { formatTable, formatTime, printable } from './format.ts';
import { addRootOptions, type RootOptions, withMachines } from './machine-session.ts';

interface ListOptions extends RootOptions {
  readonly ids?: true;
}

export function defineList(command: Command): void {
  command
    .description('Lists the machines, running or not, and how those ended that are stopped.')
    .option('-q, --ids', 'print their names only')
    .addHelpText(
      'after',
      '\nExamples:\n  osv-convert list\n  osv-convert list -q | xargs -n 1 osv-convert stop',
    );
  addRootOptions(command).action(listCommand);
}

async function listCommand(options: ListOptions, command: Command): Promise<void> {
  const { creationTime, listMachines, stateOf } = await import('../machines/find-machine.ts');
  await withMachines(command, async ({ root, warn, print }) => {
    if (options.root !== undefined) await requireFolder(root);
    const machines = await listMachines(root, warn);
    const times = await Promise.all(machines.map(creationTime));
    const text = options.ids
      ? machines.map(({ id }) => `${id}\n`).join('')
      : await tableOf(machines, times);
    await print({ machines: machines.map(stateOf) }, text);
  });
}

/**
 * The usual folder comes with the first machine; one that was named, and is not there, is misspelt.
 * @throws ConvertError `USAGE`.
 */
async function requireFolder(root: string): Promise<void> {
  const refusal = (found: string, hint = 'leave --root out', cause?: unknown): ConvertError => {
    const sentence = `listing the machines below ${root}: found ${found}, wanted a folder`;
    return new ConvertError('USAGE', sentence, { hint, cause });
  };
  const found = await stat(root).catch((cause: unknown) => {
    throw refusal(unreadReason(cause), unreadHint(root, cause), cause);
  });
  if (!found.isDirectory()) throw refusal('a file');
}

const heads = ['MACHINE', 'STATUS', 'PID', 'CREATED', 'PORTS', 'SOURCE', 'END'];

async function tableOf(
  machines: readonly FoundMachine[],
  times: readonly (Date | undefined)[],
): Promise<string> {
  const { endText, portText } = await import('../machines/state.ts');
  const rows = machines.map(({ id, status, record: { vmm, source }, end }, at) => {
    const time = times[at];
    return [
      id,
      status,
      vmm === undefined || status === 'stopped' ? '-' : `${vmm.hypervisor.pid}`,
      time === undefined ? '-' : formatTime(time),
      vmm?.ports.map(portText).join(' ') || '-',
      printable(source),
      end === undefined ? '-' : printable(endText(end)),
    ];
  });
  return formatTable(heads, rows);
}
