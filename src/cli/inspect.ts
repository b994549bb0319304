import type { Command } from 'commander';
import { ConvertError } from '../error.ts';
import type { AppSummary, Inspection } from '../inspect.ts';
import { shellWord } from '../shell-word.ts';
import { formatBytes, formatTable, printable, printableLines, quoteWords } from './format.ts';
import { addGlobalOptions } from './globals.ts';
import {
  addMemoryOption,
  addOtherGuestOptions,
  type GuestOptions,
  guestWishesOf,
  imageOnlyOptions,
} from './guest-options.ts';
import { type GivenOption, givenOptionsOf } from './image-only.ts';
import { addObtainOptions, type ObtainOptions, pullOptionsOf } from './source-options.ts';

interface InspectCommandOptions extends ObtainOptions, Omit<GuestOptions, 'env'> {
  readonly kernel?: string;
  readonly env?: true;
}

export function defineInspect(command: Command): void {
  command
    .description(
      'Tells platform, layers and config of an image, and which .NET app it starts, with the evidence. ' +
        'An image that is not in the store is pulled first.',
    )
    .argument(
      '<ref>',
      'an image: a reference, oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, store:NAME',
    );
  command
    .option(
      '--env',
      'tell the environment the app would have on OSv, and why, in place of all that',
    )
    .option('--kernel <name>', 'with --env: kernel to run on (default: the default of kernel ls)')
    .addHelpText('after', help);
  const options = addObtainOptions(addMemoryOption(addOtherGuestOptions(command)));
  addGlobalOptions(options).action(inspectCommand);
}

const help = `
Options on what is started and what goes into the guest are those of build
(osv-convert build --help); --env is not: variables come with --env-file here.
What goes into the guest, --memory and --kernel count with --env only.

Examples:
  osv-convert inspect registry.example/shop:3
  osv-convert inspect registry.example/shop:3 --env --memory 512M
  osv-convert inspect oci:./tools --entrypoint '["dotnet", "/app/tool.dll"]'`;

async function inspectCommand(
  ref: string,
  { env: isAsked, ...options }: InspectCommandOptions,
  command: Command,
): Promise<void> {
  if (!isAsked) refuseGuestOptions(ref, givenOptionsOf(command));
  const { withSession } = await import('./session.ts');
  const { inspect } = await import('../inspect.ts');
  await withSession(command, async ({ store, onEvent, signal, print }) => {
    const { kernel } = options;
    const wishes = {
      ...(await pullOptionsOf(options, process.env)),
      ...(kernel !== undefined && { kernel }),
      ...(await guestWishesOf(options, process.env)),
      onEvent,
      signal,
    };
    const inspection = await inspect(store, ref, {
      ...wishes,
      ...(isAsked && { environment: wishes }),
    });
    const { environment } = inspection;
    await print(inspection, environment ? environmentText(environment) : textOf(inspection));
  });
}

/** What is started is told of an image by itself, too. */
const ofStart: readonly string[] = ['entrypoint', 'cmd', 'workdir'];

const ofGuest: readonly string[] = [
  ...['kernel', 'memory', 'volume', 'share'],
  ...imageOnlyOptions.filter((name) => !ofStart.includes(name)),
];

/**
 * Nothing but the environment of the guest depends on them.
 * @throws ConvertError `USAGE`.
 */
function refuseGuestOptions(ref: string, given: readonly GivenOption[]): void {
  const vain = given.filter(({ name }) => ofGuest.includes(name));
  if (vain.length === 0) return;
  throw new ConvertError(
    'USAGE',
    `inspecting ${ref}: found ${vain.map(({ flag }) => flag).join(', ')} without --env, wanted both or neither`,
    {
      hint: `osv-convert inspect ${shellWord(ref)} --env ${vain.map(({ words }) => words).join(' ')}`,
    },
  );
}

type Entry = NonNullable<Inspection['environment']>[number];

const origins = { image: 'from the image', osv: 'for OSv', user: 'as you said' } as const;

function environmentText(environment: readonly Entry[]): string {
  const lines = environment.flatMap(({ name, value, origin, reason }) => [
    `${name}=${value}`,
    `    ${origins[origin]}${reason === undefined ? '' : `: ${reason}`}`,
  ]);
  return lines.map((line) => `${printable(line)}\n`).join('');
}

function textOf({ reference, digest, platform, layers, config, app }: Inspection): string {
  const facts: [string, string][] = [
    ['image', reference],
    ['digest', digest],
    ['platform', platform],
    ['entrypoint', quoteWords(config.entrypoint)],
    ['cmd', quoteWords(config.cmd)],
    ['folder', config.workingDir],
    ['user', config.user],
    ['ports', config.exposedPorts.join(' ')],
    ...config.env.map((one): [string, string] => ['env', one]),
    ...appFacts(app),
  ];
  const lines = facts
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name.padEnd(11)} ${shownValue(name, value)}\n`);
  const rows = layers.map((layer) => [layer.digest, formatBytes(layer.size), layer.mediaType]);
  return `${lines.join('')}\n${formatTable(['LAYER', 'SIZE', 'MEDIA TYPE'], rows)}`;
}

/** Messages and hints have lines; elsewhere a line break is the image's. */
function shownValue(name: string, value: string): string {
  return name === 'app' || name === 'try'
    ? printableLines(value).replaceAll('\n', `\n${' '.repeat(12)}`)
    : printable(value);
}

function appFacts(app: Inspection['app']): [string, string][] {
  if ('error' in app) {
    const { message, hint = '' } = app;
    return [
      ['app', `none: ${message}`],
      ['try', hint],
    ];
  }
  const { executable, assembly, args, frameworks, evidence } = app;
  return [
    ['app', kindOf(app)],
    ['program', quoteWords([executable, ...(assembly === undefined ? [] : [assembly]), ...args])],
    ...frameworks.map(({ name, version, rollForward }): [string, string] => [
      'framework',
      `${name} ${version} (roll forward: ${rollForward})`,
    ]),
    ...evidence.map((sentence): [string, string] => ['evidence', sentence]),
  ];
}

const models = { aspnet: 'ASP.NET Core', worker: 'worker', console: 'console' } as const;
const codes = { no: undefined, yes: 'ReadyToRun', composite: 'composite ReadyToRun' } as const;

function kindOf(app: AppSummary): string {
  const { kind, model, language, targetFramework, version, readyToRun, trimmed } = app;
  return [
    kind,
    models[model],
    language,
    targetFramework,
    version === undefined ? undefined : `.NET ${version}`,
    codes[readyToRun],
    trimmed ? 'trimmed' : undefined,
  ]
    .filter((word) => word !== undefined)
    .join(', ');
}
