import { type Command, Option } from 'commander';
import type { Report, RuntimeReport } from '../report.ts';
import { shellWord } from '../shell-word.ts';
import { dataOf, refuseSources } from './data-options.ts';
import { formatBytes, printable, quoteWords } from './format.ts';
import { addFormatOptions, type FormatOptions, formatsHelp } from './format-options.ts';
import { addGlobalOptions } from './globals.ts';
import {
  addGuestOptions,
  addMemoryOption,
  type GuestOptions,
  guestWishesOf,
} from './guest-options.ts';
import { refuseStream } from './no-stream.ts';
import { addObtainOptions, type ObtainOptions, pullOptionsOf } from './source-options.ts';

interface BuildOptions extends ObtainOptions, GuestOptions, FormatOptions {
  readonly output: string;
  readonly boot: 'bios' | 'direct';
  readonly kernel?: string;
  readonly force?: true;
  readonly cache: boolean;
}

export function defineBuild(command: Command): void {
  command
    .description(
      'Writes a bootable OSv disk from an image, and FILE.json, a report of what went into it. ' +
        'An image that is not in the store is pulled first. For linux/arm64 there is FILE.kernel too, ' +
        'with which a hypervisor starts the disk.',
    )
    .argument(
      '<ref>',
      'an image: a reference, oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, store:NAME',
    )
    .requiredOption('-o, --output <file>', 'the disk to write, or store:NAME')
    .addOption(
      new Option('--boot <how>', 'bios: kernel on the disk; direct: the hypervisor brings it')
        .choices(['bios', 'direct'])
        .default('bios'),
    )
    .option('--kernel <name>', 'kernel to use (default: the default of kernel ls)')
    .option('--force', 'build what is known not to run, too (see osv-convert check)')
    .option('--no-cache', 'build also what was built before of the same, and remember nothing');
  addGlobalOptions(addObtainOptions(addGuestOptions(addMemoryOption(addFormatOptions(command)))))
    .addHelpText('after', `${formatsHelp}\n${examples}`)
    .action(buildCommand);
}

const examples = `
What was built before of the same image, kernel, runtime, files and options is
not built again: a disk that lies untouched at FILE stays, one that lies
elsewhere is copied (see osv-convert cache).

Examples:
  osv-convert build registry.example/shop:3 -o shop.qcow2
  osv-convert build oci:./image -o web.img --memory 512M --env-file web.env
  osv-convert build shop:3 -o shop.img --runtime runtime/net10
  osv-convert build shop:3 -o shop.img --keep /usr/share/fonts --drop '*.pdb'`;

async function buildCommand(ref: string, options: BuildOptions, command: Command): Promise<void> {
  // Two files are written, and not in the order of their bytes.
  const instead = `osv-convert build ${shellWord(ref)} -o disk.img\nor for a file of that name: -o ./-`;
  refuseStream('writing the disk', options.output, 'stdout', instead);
  refuseSources(dataOf(options));
  const { withSession } = await import('./session.ts');
  const { cachedBuild } = await import('../cached-build.ts');
  await withSession(command, async ({ store, onEvent, signal, print }) => {
    const { boot, kernel, force, format, compress, cache } = options;
    const wishes = await guestWishesOf(options, process.env);
    const pulling = await pullOptionsOf(options, process.env);
    const records = cache && pulling.config?.diskCache !== 0 ? await usualRecords() : undefined;
    const { report, how } = await cachedBuild(store, ref, options.output, records, {
      ...pulling,
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
    const head = `${options.output}${how === 'current' ? ' is up to date' : ''}`;
    const commandLine = await shownCommandLine(report, wishes.env);
    await print(report, textOf(head, options, report, commandLine));
  });
}

async function usualRecords() {
  const { openBuildRecords } = await import('../build-records.ts');
  const { buildsFolder } = await import('./disks-folder.ts');
  return await openBuildRecords(buildsFolder(process.env));
}

function textOf(
  head: string,
  { output, boot }: BuildOptions,
  report: Report,
  commandLine: string,
): string {
  const { disk, app, runtime, additions, kernel, rofs, reach } = report;
  const frameworks = runtime?.frameworks
    .map(({ name, version }) => `${name} ${version}`)
    .join(', ');
  const lines = [
    `${head}: ${disk.format}, ${disk.boot} boot, ${formatBytes(disk.size)}`,
    `app         ${app.kind}: ${quoteWords([app.program, ...app.args])}`,
    ...(runtime ? [`runtime     ${frameworks} (${runtimeSource(runtime)})`] : []),
    ...(kernel
      ? [
          `kernel      ${kernel.name}${kernel.version ? ` (${kernel.version})` : ''}, ${kernel.symbols} symbols`,
        ]
      : []),
    // A disk for aarch64 cannot hold its kernel.
    ...(boot === 'bios' && kernel?.architecture === 'aarch64'
      ? [`boots with  ${output}.kernel, the kernel with its command line`]
      : []),
    ...additions.map((one) => `added       ${one.path} (${additionSource(one)})`),
    ...(report.volumes ?? []).map(({ path, size }) => {
      const made = size === null ? '' : `, made with ${formatBytes(size)}`;
      return `volume      ${path}: run and create attach a disk with ext4${made} (--volume)`;
    }),
    ...(report.shares ?? []).map(
      ({ path }) =>
        `share       ${path}: run and create show a folder of their host there (--share)`,
    ),
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
