import type { Command } from 'commander';
import type { DiskCheck } from '../../disk/fsck.ts';
import { exitCodes } from '../../error.ts';
import { formatCount, printable } from '../format.ts';
import { addGlobalOptions } from '../globals.ts';
import { fileArgument, hexOf } from './examining.ts';

export function addRofsFsck(rofs: Command): void {
  const command = rofs
    .command('fsck')
    .summary('find what is wrong with a disk and its ROFS')
    .description(
      'Looks at boot sector, partitions, command line and every record of the ROFS: for what contradicts ' +
        'itself or keeps OSv from starting (errors), and for what OSv takes otherwise than is meant ' +
        '(warnings), such as relative links in the root. Changes nothing. The exit code is 0 without ' +
        'errors, else 6.',
    )
    .argument(...fileArgument)
    .addHelpText('after', examples);
  addGlobalOptions(command).action(fsckCommand);
}

const examples = `
Examples:
  osv-convert rofs fsck web.raw
  osv-convert rofs fsck web.qcow2 --json | jq -r '.findings[].rule'`;

async function fsckCommand(path: string, _options: unknown, command: Command): Promise<void> {
  const { openWholeDisk } = await import('../../disk/open-disk.ts');
  const { withSession } = await import('../session.ts');
  const { fsckDisk } = await import('../../disk/fsck.ts');
  await withSession(command, async ({ print }) => {
    const { disk, close } = await openWholeDisk(path);
    try {
      const check = fsckDisk(disk);
      const { error: errors, warning: warnings } = countsOf(check);
      if (errors > 0) process.exitCode = exitCodes.corrupt;
      const value = { name: path, ...check, errors, warnings };
      await print(value, textOf(path, check));
    } finally {
      close();
    }
  });
}

function countsOf({ findings }: DiskCheck): Readonly<Record<'error' | 'warning', number>> {
  const counts = { error: 0, warning: 0 };
  for (const { severity, more } of findings) counts[severity] += 1 + more;
  return counts;
}

/** A finding a line; what the kernel makes of it stands below the last of its kind. */
function textOf(path: string, check: DiskCheck): string {
  const lines = check.findings.flatMap((one, at, all) => {
    const { severity, rule, offset, text, more, why } = one;
    const place = offset === undefined ? '' : ` at ${hexOf(offset)}`;
    const line = `${severity.padEnd(7)} ${rule}${place}: ${text}`;
    const isLast = all[at + 1]?.rule !== rule;
    const rest = more > 0 ? [`        and ${more} more of ${rule}`] : [];
    return [line, ...rest, ...(isLast ? [`        ${why}`] : [])];
  });
  return [...lines, `${path}: ${verdictOf(check)}`].map((line) => `${printable(line)}\n`).join('');
}

function verdictOf(check: DiskCheck): string {
  const { error, warning } = countsOf(check);
  const what = {
    bios: 'a disk with a kernel',
    direct: 'a disk without a kernel',
    none: check.kind === 'rofs' ? 'a ROFS' : 'no disk that is known',
  }[check.boot ?? 'none'];
  if (error + warning === 0) return `${what}, sound`;
  return `${what}, ${formatCount(error, 'error')}, ${formatCount(warning, 'warning')}`;
}
