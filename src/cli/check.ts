import { type Command, Option } from 'commander';
import { type Finding, placeOf, type Severity } from '../check/finding.ts';
import type { Checked } from '../check.ts';
import { exitCodes } from '../error.ts';
import { formatCount, jsonText, printable } from './format.ts';
import { addGlobalOptions } from './globals.ts';
import {
  addGuestOptions,
  addMemoryOption,
  type GuestOptions,
  guestWishesOf,
} from './guest-options.ts';
import { addObtainOptions, type ObtainOptions, pullOptionsOf } from './source-options.ts';

interface CheckCommandOptions extends ObtainOptions, GuestOptions {
  readonly kernel?: string;
  readonly strict?: true;
  readonly sarif?: true;
}

export function defineCheck(command: Command): void {
  command
    .description(
      'Tells what is known beforehand of an image on OSv: what cannot run, what will fail when it is used, ' +
        'what is different, and what to change. Nothing of the image is run, and no disk is written. ' +
        'An image that is not in the store is pulled first.',
    )
    .argument(
      '<ref>',
      'an image: a reference, oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, store:NAME',
    )
    .option('--kernel <name>', 'kernel to check against (default: the default of kernel ls)')
    .option('--strict', 'end with 7 for warnings, too')
    .addOption(new Option('--sarif', 'print the findings as SARIF 2.1.0').conflicts('json'));
  addGlobalOptions(addObtainOptions(addGuestOptions(addMemoryOption(command))))
    .addHelpText('after', help)
    .action(checkCommand);
}

const help = `
Exit codes: 0 without errors (with --strict: and without warnings), else 7;
others as for every command.

Examples:
  osv-convert check mcr.microsoft.com/dotnet/samples:aspnetapp
  osv-convert check registry.example/shop:3 --kernel v0.57.0 --strict
  osv-convert check oci:./image --sarif > osv.sarif`;

async function checkCommand(
  ref: string,
  options: CheckCommandOptions,
  command: Command,
): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { check } = await import('../check.ts');
  await withSession(command, async ({ store, onEvent, signal, print }) => {
    const { kernel, strict, sarif } = options;
    const checked = await check(store, ref, {
      ...(await pullOptionsOf(options, process.env)),
      ...(kernel !== undefined && { kernel }),
      ...(await guestWishesOf(options, process.env)),
      onEvent,
      signal,
    });
    const log = sarif && (await sarifLog(checked));
    await (log ? print(log, `${jsonText(log, 2)}\n`) : print(checked, textOf(checked)));
    const { error, warning } = checked.counts;
    if (error > 0 || (strict && warning > 0)) process.exitCode = exitCodes.unsupported;
  });
}

async function sarifLog({ findings, ...image }: Checked): Promise<object> {
  const { sarifOf } = await import('../check/sarif.ts');
  const { thisTool } = await import('../sbom/tool.ts');
  return sarifOf({ ...image, tool: thisTool() }, findings);
}

const heads: Readonly<Record<Severity, string>> = {
  error: 'Cannot run',
  warning: 'Will fail when it is used',
  note: 'Different on OSv',
};

function textOf(checked: Checked): string {
  const { reference, platform, app, kernel, counts, findings } = checked;
  const about = [
    platform,
    ...(app === null ? [] : [`${app.kind}${app.aspnet ? ', ASP.NET Core' : ''}`]),
    ...(app?.version === undefined ? [] : [`.NET ${app.version}`]),
    ...(kernel === null ? [] : [`kernel ${kernel.name}`]),
  ];
  const groups = (Object.keys(heads) as Severity[])
    .map((severity) => ({ severity, group: findings.filter((one) => one.severity === severity) }))
    .filter(({ group }) => group.length > 0)
    .map(({ severity, group }) => `\n${heads[severity]}\n${group.map(textOfFinding).join('')}`);
  const sum = (Object.entries(counts) as [Severity, number][])
    .map(([severity, count]) => formatCount(count, severity))
    .join(', ');
  return `${printable(`${reference}: ${about.join(', ')}`)}\n${groups.join('')}\n${sum}\n`;
}

function textOfFinding({ rule, evidence, consequence, fix }: Finding): string {
  const lines = [
    // What was found may be a script.
    ...placeOf(evidence)
      .split('\n')
      .map((line, index) => (index === 0 ? `  ${rule}  ${line}` : `    ${line}`)),
    `    ${consequence}`,
    `    to change: ${fix.replaceAll('\n', '; ')}`,
  ];
  return `${lines.map(printable).join('\n')}\n`;
}
