import type { EditedDisk } from '../../edit-disk.ts';
import { formatBytes, printable } from '../format.ts';

/** What every command below `disk` takes first. */
export const diskArgument = ['<file>', 'a disk: raw, qcow2, vmdk, vdi or vhd'] as const;

/** What a command says of the disk it changed. */
export function editedText(disk: EditedDisk): string {
  const { name, format, size, commandLine, report } = disk;
  const lines = [
    `${name}: ${format}, ${formatBytes(size)}`,
    `command  ${commandLine}`,
    ...(report === null ? [] : [`report   ${report}`]),
  ];
  return lines.map((line) => `${printable(line)}\n`).join('');
}
