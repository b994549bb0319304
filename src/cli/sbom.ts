import { type Command, Option } from 'commander';
import { ConvertError } from '../error.ts';
import type { Sbom, SbomFormat } from '../sbom.ts';
import { formatCount, printable } from './format.ts';
import { addGlobalOptions } from './globals.ts';
import { addObtainOptions, type ObtainOptions, pullOptionsOf } from './source-options.ts';

interface SbomCommandOptions extends ObtainOptions {
  readonly format: SbomFormat;
  readonly output?: string;
}

export function defineSbom(command: Command): void {
  command
    .description(
      'Writes a software bill of materials: NuGet packages and runtimes by deps.json, also inside of ' +
        'single-file apps, and the packages of dpkg, apk, rpm and chisel. The same image gives the same ' +
        'bytes. An image that is not in the store is pulled first.',
    )
    .argument(
      '<ref>',
      'an image: a reference, oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, store:NAME',
    )
    .addOption(
      new Option('--format <format>', 'cyclonedx: CycloneDX 1.6; spdx: SPDX 2.3; both JSON')
        .choices(['cyclonedx', 'spdx'])
        .default('cyclonedx'),
    )
    .option('-o, --output <file>', 'the file to write (default: -, stdout)')
    .addHelpText('after', examples);
  addGlobalOptions(addObtainOptions(command)).action(sbomCommand);
}

const examples = `
The time in the document is that of the image, or SOURCE_DATE_EPOCH where it is
set.

Examples:
  osv-convert sbom mcr.microsoft.com/dotnet/samples:aspnetapp > bom.json
  osv-convert sbom oci:web:1.0 --format spdx -o web.spdx.json`;

async function sbomCommand(
  ref: string,
  options: SbomCommandOptions,
  command: Command,
): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { createSbom } = await import('../sbom.ts');
  const { writeFileOf } = await import('../copy/output-layout.ts');
  const epoch = parseEpoch(process.env['SOURCE_DATE_EPOCH']);
  await withSession(command, async ({ store, onEvent, signal, print }) => {
    const { format, output } = options;
    const sbom = await createSbom(store, ref, {
      ...(await pullOptionsOf(options, process.env)),
      ...(epoch !== undefined && { epoch }),
      format,
      onEvent,
      signal,
    });
    if (output === undefined || output === '-') {
      await print(JSON.parse(sbom.text), sbom.text);
      return;
    }
    const bytes = Buffer.from(sbom.text);
    const size = await writeFileOf(output, piecesOf(bytes), { signal });
    const { text: _, ...told } = sbom;
    await print({ output, size, ...told }, summaryOf(output, sbom));
  });
}

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}

function summaryOf(output: string, { format, reference, components, unread }: Sbom): string {
  const kinds = Object.entries(components).map(([kind, count]) => `${count} ${kind}`);
  const total = Object.values(components).reduce((sum, count) => sum + count, 0);
  const lines = [
    `${output}: ${format} of ${reference}`,
    `components  ${total}${kinds.length === 0 ? '' : ` (${kinds.join(', ')})`}`,
    ...(unread.length === 0 ? [] : [`left out    ${formatCount(unread.length, 'file')}`]),
  ];
  return lines.map((line) => `${printable(line)}\n`).join('');
}

/** The last second that a date of four digits has. */
const epochCap = 253_402_300_799;

/** @throws ConvertError `USAGE`. */
function parseEpoch(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const epoch = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
  if (epoch <= epochCap) return epoch;
  throw new ConvertError(
    'USAGE',
    `reading SOURCE_DATE_EPOCH: found ${JSON.stringify(text.slice(0, 80))}, wanted seconds since 1970`,
    { hint: 'SOURCE_DATE_EPOCH=0 osv-convert sbom REF' },
  );
}
