import { type Command, Option } from 'commander';
import type { Report, RuntimeReport } from '../report.ts';
import { formatBytes, printable, quoteWords } from './format.ts';
import { addGlobalOptions } from './globals.ts';
import {
  addGuestOptions,
  addMemoryOption,
  type GuestOptions,
  guestWishesOf,
} from './guest-options.ts';
import { addObtainOptions, type ObtainOptions, pullOptionsOf } from './source-options.ts';

interface BuildOptions extends ObtainOptions, GuestOptions {
  readonly output: string;
  readonly format?: 'raw' | 'qcow2';
  readonly boot: 'bios' | 'direct';
  readonly kernel?: string;
  readonly force?: true;
}

export function addBuild(program: Command): void {
  const command = program
    .command('build')
    .summary('write a bootable disk from an image')
    .description(
      'Writes a bootable OSv disk from an image, and FILE.json, a report of what went into it. ' +
        'An image that is not in the store is pulled first.',
    )
    .argument(
      '<ref>',
      'image: a reference, oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, store:NAME',
    )
    .requiredOption('-o, --output <file>', 'the disk to write')
    .addOption(
      new Option(
        '--format <format>',
        'format of the disk (default: by the name of the file)',
      ).choices(['raw', 'qcow2']),
    )
    .addOption(
      new Option('--boot <how>', 'bios: kernel on the disk; direct: the hypervisor brings it')
        .choices(['bios', 'direct'])
        .default('bios'),
    )
    .option('--kernel <name>', 'kernel to use (default: the default of kernel ls)')
    .option('--force', 'build what is known not to run, too (see osv-convert check)');
  addGlobalOptions(addObtainOptions(addGuestOptions(addMemoryOption(command)))).action(
    buildCommand,
  );
}

async function buildCommand(ref: string, options: BuildOptions, command: Command): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { convert } = await import('../convert.ts');
  await withSession(command, async ({ store, onEvent, signal, print }) => {
    const format = options.format ?? (options.output.endsWith('.qcow2') ? 'qcow2' : 'raw');
    const { boot, kernel, force } = options;
    const wishes = await guestWishesOf(options, process.env);
    const report = await convert(store, ref, options.output, {
      ...(await pullOptionsOf(options, process.env)),
      ...(kernel !== undefined && { kernel }),
      ...(force !== undefined && { force }),
      ...wishes,
      boot,
      format,
      onEvent,
      signal,
    });
    const { shownCommandLine } = await import('./shown-command-line.ts');
    await print(report, textOf(options.output, report, shownCommandLine(report, wishes.env)));
  });
}

function textOf(output: string, report: Report, commandLine: string): string {
  const { disk, app, runtime, additions, kernel, rofs, reach } = report;
  const frameworks = runtime?.frameworks
    .map(({ name, version }) => `${name} ${version}`)
    .join(', ');
  const lines = [
    `${output}: ${disk.format}, ${disk.boot} boot, ${formatBytes(disk.size)}`,
    `app         ${app.kind}: ${quoteWords([app.program, ...app.args])}`,
    ...(runtime ? [`runtime     ${frameworks} (${runtimeSource(runtime)})`] : []),
    ...(kernel
      ? [
          `kernel      ${kernel.name}${kernel.version ? ` (${kernel.version})` : ''}, ${kernel.symbols} symbols`,
        ]
      : []),
    ...additions.map((one) => `added       ${one.path} (${additionSource(one)})`),
    `files       ${rofs.files} in ${rofs.directories} folders, ${formatBytes(rofs.bytes)}`,
    ...(reach ? [`left out    ${formatTotals(reach.dropped)}`] : []),
    `command     ${commandLine}`,
    `report      ${output}.json`,
  ];
  return lines.map((line) => `${printable(line)}\n`).join('');
}

function additionSource(addition: Report['additions'][number]): string {
  return addition.from === 'image'
    ? `from ${addition.name}@${addition.manifest}`
    : `from this host, in layer ${addition.layer}`;
}

/** By what the same runtime can be had again. */
function runtimeSource({ from, name, manifest, layer }: RuntimeReport): string {
  if (name !== undefined) return name.includes('@') ? name : `${name}@${manifest}`;
  return layer === undefined ? `from the ${from}` : `from the ${from}, as layer ${layer}`;
}

/** `62 MiB (distribution 60 MiB, symbols 2 MiB)` */
function formatTotals(totals: NonNullable<Report['reach']>['dropped']): string {
  const parts = Object.entries(totals).sort(([, a], [, b]) => b.bytes - a.bytes);
  const all = parts.reduce((sum, [, { bytes }]) => sum + bytes, 0);
  const named = parts.map(([reason, { bytes }]) => `${reason} ${formatBytes(bytes)}`).join(', ');
  return named === '' ? formatBytes(0) : `${formatBytes(all)} (${named})`;
}
