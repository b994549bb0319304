import type { Command } from 'commander';
import type { Inspection } from '../inspect.ts';
import { formatBytes, formatTable, printable, quoteWords } from './format.ts';
import { addGlobalOptions } from './globals.ts';
import { addObtainOptions, type ObtainOptions, pullOptionsOf } from './source-options.ts';

export function addInspect(program: Command): void {
  const command = program
    .command('inspect')
    .summary('tell what an image holds and which .NET app it starts')
    .description(
      'Tells platform, layers and config of an image, and which .NET app it starts, with the evidence. ' +
        'An image that is not in the store is pulled first.',
    )
    .argument(
      '<ref>',
      'image: a reference, oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, store:NAME',
    );
  addGlobalOptions(addObtainOptions(command)).action(inspectCommand);
}

async function inspectCommand(
  ref: string,
  options: ObtainOptions,
  command: Command,
): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { inspect } = await import('../inspect.ts');
  await withSession(command, async ({ store, onEvent, signal, print }) => {
    const told = await pullOptionsOf(options, process.env);
    const inspection = await inspect(store, ref, { ...told, onEvent, signal });
    await print(inspection, textOf(inspection));
  });
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
    .map(([name, value]) => `${name.padEnd(11)} ${printable(value)}\n`);
  const rows = layers.map((layer) => [layer.digest, formatBytes(layer.size), layer.mediaType]);
  return `${lines.join('')}\n${formatTable(['LAYER', 'SIZE', 'MEDIA TYPE'], rows)}`;
}

function appFacts(app: Inspection['app']): [string, string][] {
  if ('error' in app) return [['app', `none: ${app.message}`]];
  const { kind, aspnet, version, executable, assembly, args, frameworks, evidence } = app;
  return [
    [
      'app',
      `${kind}${aspnet ? ', ASP.NET Core' : ''}${version === undefined ? '' : `, .NET ${version}`}`,
    ],
    ['program', quoteWords([executable, ...(assembly === undefined ? [] : [assembly]), ...args])],
    ...frameworks.map(({ name, version, rollForward }): [string, string] => [
      'framework',
      `${name} ${version} (roll forward: ${rollForward})`,
    ]),
    ...evidence.map((sentence): [string, string] => ['evidence', sentence]),
  ];
}
