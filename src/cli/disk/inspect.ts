import type { Command } from 'commander';
import type { DiskCommandLine, DiskDescription, DiskKernel } from '../../describe-disk.ts';
import { formatBytes, formatCount, printable, quoteWords } from '../format.ts';
import { addGlobalOptions } from '../globals.ts';
import { diskArgument } from './edited.ts';

export function addDiskInspect(disk: Command): void {
  const command = disk
    .command('inspect')
    .summary('tell what a disk boots, and how')
    .description(
      'Tells the format of a disk, its kernel, its command line and what OSv makes of it, its partition, ' +
        'what the ROFS holds, and whether FILE.json is true. (rofs fsck looks at every record.)',
    )
    .argument(...diskArgument)
    .addHelpText('after', examples);
  addGlobalOptions(command).action(inspectCommand);
}

const examples = `
Examples:
  osv-convert disk inspect web.qcow2
  osv-convert disk inspect web.raw --json | jq .commandLine.meaning.env`;

async function inspectCommand(path: string, _options: unknown, command: Command): Promise<void> {
  const { withSession } = await import('../session.ts');
  const { describeDisk } = await import('../../describe-disk.ts');
  const { listKernels } = await import('../../osv/kernels.ts');
  await withSession(command, async ({ store, print }) => {
    const disk = await describeDisk(path);
    const digest = disk.kernel?.digest;
    const stored = digest === undefined ? [] : await listKernels(store);
    const names = stored.flatMap(({ kernel }) =>
      kernel.loader?.digest === digest ? [kernel.name] : [],
    );
    await print(jsonOf(disk, names), textOf(disk, names));
  });
}

/** A map has no JSON of its own. */
function jsonOf(disk: DiskDescription, names: readonly string[]) {
  const { kernel, commandLine } = disk;
  return {
    ...disk,
    kernel: kernel && { ...kernel, names },
    commandLine: commandLine && { ...commandLine, meaning: meaningOf(commandLine) },
  };
}

function meaningOf({ meaning }: DiskCommandLine) {
  return 'reason' in meaning ? meaning : { ...meaning, env: Object.fromEntries(meaning.env) };
}

const forms = {
  bios: 'a disk with a kernel',
  direct: 'a disk without a kernel',
  rofs: 'a ROFS alone',
} as const;

function textOf(disk: DiskDescription, names: readonly string[]): string {
  const { name, form, format, compression, size, fileSize, allocated, partition, rofs } = disk;
  const packed = compression ? `, compressed with ${compression}` : '';
  const lines = [
    `${name}: ${forms[form]}, ${format}${packed}`,
    `size        ${formatBytes(size)}; the file ${formatBytes(fileSize)}, ${formatBytes(allocated)} in use`,
    ...(disk.kernel ? [`kernel      ${kernelText(disk.kernel, names)}`] : []),
    ...(partition
      ? [`partition   ${formatBytes(partition.size)} from byte ${partition.offset} on`]
      : []),
    `files       ${rofs.files} in ${formatCount(rofs.directories, 'folder')}, ${formatBytes(rofs.contentSize)}`,
    ...(disk.commandLine ? commandLines(disk.commandLine) : []),
    ...reportLines(disk),
  ];
  return lines.map((line) => `${printable(line)}\n`).join('');
}

function kernelText(kernel: DiskKernel, names: readonly string[]): string {
  const { version, symbols, tlsLimit, size } = kernel;
  return [
    ...(names.length > 0 ? [names.join(', ')] : []),
    version ?? 'version unknown',
    `${symbols} symbols`,
    ...(tlsLimit === undefined ? [] : [`${tlsLimit} bytes for thread-local data`]),
    formatBytes(size),
  ].join(', ');
}

function commandLines({ text, bytes, limit, meaning }: DiskCommandLine): readonly string[] {
  const head = `command     ${text}`;
  if ('reason' in meaning) return [head, `            OSv refuses it: found ${meaning.reason}`];
  const options = meaning.options.map(({ name, value }) =>
    value === undefined ? `--${name}` : `--${name}=${value}`,
  );
  return [
    head,
    `            ${bytes} of ${limit} bytes`,
    `options     ${options.join(' ')}`,
    ...[...meaning.env].map(([name, value]) => `variable    ${name}=${value}`),
    ...(meaning.cwd === undefined ? [] : [`folder      ${meaning.cwd}`]),
    ...meaning.programs.map(({ words, end }) =>
      `program     ${quoteWords(words)} ${end}`.trimEnd(),
    ),
  ];
}

function reportLines({ name, report }: DiskDescription): readonly string[] {
  if (report.state !== 'differs') {
    const words = { none: 'none', foreign: 'none of ours', true: 'true' }[report.state];
    return [`report      ${report.state === 'none' ? words : `${name}.json, ${words}`}`];
  }
  const differences = report.differences.map((one) => `            ${one}`);
  return [`report      ${name}.json, of another disk or another state`, ...differences];
}
