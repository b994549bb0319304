import type { Command } from 'commander';
import type { ConvertedDisk } from '../convert-disk.ts';
import { shellWord } from '../shell-word.ts';
import { formatBytes, printable } from './format.ts';
import { addFormatOptions, type FormatOptions, formatsHelp } from './format-options.ts';
import { addGlobalOptions } from './globals.ts';
import { refuseStream } from './no-stream.ts';

export function defineConvertDisk(command: Command): void {
  command
    .description(
      'Writes a disk in another format. It reads raw, qcow2, vmdk (streamOptimized), vdi and vhd (fixed or ' +
        'dynamic) disks; FILE.json, the report of the disk, goes along.',
    )
    .argument('<in>', 'the disk to read')
    .argument('<out>', 'the file to write, or store:NAME');
  addGlobalOptions(addFormatOptions(command))
    .addHelpText('after', `${formatsHelp}\n${examples}`)
    .action(convertDiskCommand);
}

const examples = `
Examples:
  osv-convert convert-disk web.raw web.vmdk
  osv-convert convert-disk web.raw web.qcow2 --compress zstd
  osv-convert convert-disk web.raw web.vhd --format vhd-dynamic
  osv-convert convert-disk web.qcow2 store:registry.example.com/web-disk:1`;

async function convertDiskCommand(
  input: string,
  output: string,
  { format, compress }: FormatOptions,
  command: Command,
): Promise<void> {
  const instead = `osv-convert convert-disk ${shellWord(input)} disk.qcow2\nor for a file of that name: ./-`;
  refuseStream('writing the disk', output, 'stdout', instead);
  const { withSession } = await import('./session.ts');
  const { convertDisk } = await import('../convert-disk.ts');
  const { parseDiskOutput } = await import('../disk-target.ts');
  await withSession(command, async ({ store, onEvent, signal, print }) => {
    const converted = await convertDisk(store, input, parseDiskOutput(output, format), {
      ...(compress && { compression: compress }),
      onEvent,
      signal,
    });
    await print(converted, textOf(converted));
  });
}

function textOf({ from, to, report }: ConvertedDisk): string {
  const grown = to.size === from.size ? '' : ` (was ${formatBytes(from.size)})`;
  const place = to.digest === undefined ? 'in the file' : `in the layer of ${to.digest}`;
  const lines = [
    `${to.output}: ${to.format}, ${formatBytes(to.size)}${grown}, ${formatBytes(to.bytes)} ${place}`,
    ...(report === null ? [] : [`report      ${report}`]),
  ];
  return lines.map((line) => `${printable(line)}\n`).join('');
}
