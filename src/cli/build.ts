import { type Command, Option } from 'commander';
import { ConvertError } from '../error.ts';
import type { Report, RuntimeReport } from '../report.ts';
import { formatBytes, printable, quoteWords } from './format.ts';
import { addFormatOptions, type FormatOptions, formatsHelp } from './format-options.ts';
import { addGlobalOptions } from './globals.ts';
import {
  addGuestOptions,
  addMemoryOption,
  type GuestOptions,
  guestWishesOf,
} from './guest-options.ts';
import { addObtainOptions, type ObtainOptions, pullOptionsOf } from './source-options.ts';

interface BuildOptions extends ObtainOptions, GuestOptions, FormatOptions {
  readonly output: string;
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
    .requiredOption('-o, --output <file>', 'the disk to write, or store:NAME')
    .addOption(
      new Option('--boot <how>', 'bios: kernel on the disk; direct: the hypervisor brings it')
        .choices(['bios', 'direct'])
        .default('bios'),
    )
    .option('--kernel <name>', 'kernel to use (default: the default of kernel ls)')
    .option('--force', 'build what is known not to run, too (see osv-convert check)');
  addGlobalOptions(addObtainOptions(addGuestOptions(addMemoryOption(addFormatOptions(command)))))
    .addHelpText('after', `${formatsHelp}\n${examples}`)
    .action(buildCommand);
}

const examples = `
Examples:
  osv-convert build registry.example/shop:3 -o shop.qcow2
  osv-convert build oci:./image -o web.img --memory 512M --env-file web.env
  osv-convert build shop:3 -o shop.img --runtime runtime/net10
  osv-convert build shop:3 -o shop.img --keep /usr/share/fonts --drop '*.pdb'`;

async function buildCommand(ref: string, options: BuildOptions, command: Command): Promise<void> {
  requireFile(options.output);
  const { withSession } = await import('./session.ts');
  const { convert } = await import('../convert.ts');
  await withSession(command, async ({ store, onEvent, signal, print }) => {
    const { boot, kernel, force, format, compress } = options;
    const wishes = await guestWishesOf(options, process.env);
    const report = await convert(store, ref, options.output, {
      ...(await pullOptionsOf(options, process.env)),
      ...(kernel !== undefined && { kernel }),
      ...(force !== undefined && { force }),
      ...wishes,
      ...(format && { format }),
      ...(compress && { compression: compress }),
      boot,
      onEvent,
      signal,
    });
    const { shownCommandLine } = await import('./shown-command-line.ts');
    await print(report, textOf(options.output, report, shownCommandLine(report, wishes.env)));
  });
}

/** Two files are written, and not in the order of their bytes. */
function requireFile(output: string): void {
  if (output !== '-') return;
  throw new ConvertError('USAGE', 'writing the disk: found - for stdout, wanted a file', {
    hint: '-o disk.img, or -o ./- for a file of that name',
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
    ...(reach && bytesOf(reach.dropped) > 0 ? [`left out    ${formatTotals(reach.dropped)}`] : []),
    `command     ${commandLine}`,
    ...(disk.format === 'containerdisk' ? [] : [`report      ${output}.json`]),
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

type Totals = NonNullable<Report['reach']>['dropped'];

function bytesOf(totals: Totals): number {
  return Object.values(totals).reduce((sum, { bytes }) => sum + bytes, 0);
}

/** What was asked for was asked for by an option. */
function nameOf(reason: string): string {
  return reason === 'asked' ? '--drop' : reason;
}

/** `62 MiB (distribution 60 MiB, symbols 2 MiB)` */
function formatTotals(totals: Totals): string {
  const parts = Object.entries(totals).sort(([, a], [, b]) => b.bytes - a.bytes);
  const named = parts
    .map(([reason, { bytes }]) => `${nameOf(reason)} ${formatBytes(bytes)}`)
    .join(', ');
  return `${formatBytes(bytesOf(totals))} (${named})`;
}
