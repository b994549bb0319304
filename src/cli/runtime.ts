import type { Command } from 'commander';
import type { KeptRuntime } from '../dotnet/kept-runtimes.ts';
import { formatBytes, formatTable, printable } from './format.ts';
import { addGlobalOptions } from './globals.ts';
import { addObtainOptions, type ObtainOptions, pullOptionsOf } from './source-options.ts';

export function defineRuntime(runtime: Command): void {
  runtime.description(
    'Keeps .NET runtimes in the store, with the native libraries they need, so that builds take the ' +
      'same one on every machine. --runtime runtime/NAME of build, run, check and inspect takes one; without ' +
      "--runtime they take the image's own where it serves, then a kept one, then this host's.",
  );
  addGlobalOptions(
    runtime
      .command('ls')
      .summary('list the runtimes of this host and those in the store')
      .description('Lists the .NET runtimes of this host and those that are kept in the store.'),
  ).action(listCommand);
  const add = runtime
    .command('add')
    .summary('take a runtime into the store')
    .description(
      'Takes a .NET runtime for linux-x64 or linux-arm64 and glibc into the store, whole: dotnet, host/fxr, all ' +
        'frameworks, and the native libraries they need, from the image it is in, else from this host.',
    )
    .argument(
      '<from>',
      'host, a folder with dotnet, host and shared, the archive of a published runtime, or an image',
    )
    .option('--name <name>', 'name of the runtime (default: aspnetcore-VERSION or dotnet-VERSION)')
    .addHelpText('after', examples);
  addGlobalOptions(addObtainOptions(add)).action(addCommand);
  addGlobalOptions(
    runtime
      .command('rm')
      .summary('forget a runtime')
      .description(
        'Takes the name of a runtime out of the store. store gc frees its room when nothing else needs it.',
      )
      .argument('<name>', 'a name that runtime ls shows'),
  ).action(removeCommand);
}

const examples = `
Examples:
  osv-convert runtime add host --name net10
  osv-convert runtime add ./aspnetcore-runtime-10.0.1-linux-x64.tar.gz
  osv-convert runtime add mcr.microsoft.com/dotnet/aspnet:10.0
  osv-convert build web:1.0 -o web.img --runtime runtime/net10

To carry one to another machine:
  osv-convert save runtime/net10 -o net10.tar
  osv-convert load net10.tar

To put one into the lock file, for builds with --frozen:
  osv-convert pull --lock osv-convert.lock store:runtime/net10`;

interface AddOptions extends ObtainOptions {
  readonly name?: string;
}

async function addCommand(from: string, options: AddOptions, command: Command): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { keepRuntime } = await import('../runtimes/keep.ts');
  await withSession(command, async ({ store, onEvent, signal, print }) => {
    const kept = await keepRuntime(store, from, {
      ...(await pullOptionsOf(options, process.env)),
      ...(options.name !== undefined && { name: options.name }),
      hostEnv: process.env,
      onEvent,
      signal,
    });
    const { name, digest, size, origin } = kept;
    const facts = `${frameworksOf(kept)}, ${formatBytes(size)}, from ${origin}`;
    await print(kept, `${printable(`${name}@${digest}: ${facts}`)}\n`);
  });
}

async function listCommand(_options: unknown, command: Command): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { listKeptRuntimes } = await import('../dotnet/kept-runtimes.ts');
  const { findHostRuntimes } = await import('../dotnet/runtimes.ts');
  await withSession(command, async ({ store, print }) => {
    const { hostFilesFor } = await import('../dotnet/host-files.ts');
    const own = hostFilesFor(process.arch === 'arm64' ? 'arm64' : 'x64');
    const host = findHostRuntimes(process.env, own).map(
      ({ path, hostfxr, frameworks, problems }) => ({
        path,
        hostfxr: hostfxr.text,
        frameworks: frameworks.map(({ name, version }) => ({ name, version: version.text })),
        problems,
      }),
    );
    const kept = await listKeptRuntimes(store);
    const installed = host.flatMap(({ path, frameworks }) =>
      frameworks.map(({ name, version }) => [path, name, version].map(printable)),
    );
    const problems = host.flatMap((folder) =>
      folder.problems.map((text) => `${printable(text)}\n`),
    );
    const tables = [
      formatTable(['ON THIS HOST', 'FRAMEWORK', 'VERSION'], installed),
      ...(problems.length > 0 ? [problems.join('')] : []),
      formatTable(heads, kept.map(rowOf)),
    ];
    await print({ host, kept }, tables.join('\n'));
  });
}

async function removeCommand(text: string, _options: unknown, command: Command): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { removeRuntime } = await import('../dotnet/kept-runtimes.ts');
  await withSession(command, async ({ store, print }) => {
    const removed = await removeRuntime(store, text);
    await print({ removed }, `${removed} removed\n`);
  });
}

const heads = ['KEPT', 'FRAMEWORKS', 'HOSTFXR', 'DIGEST', 'SIZE', 'FROM'];

function rowOf(kept: KeptRuntime): readonly string[] {
  const { name, hostfxr, digest, size, origin } = kept;
  const short = digest.slice('sha256:'.length, 'sha256:'.length + 12);
  const from = origin.replace(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/, '$1');
  return [name, frameworksOf(kept), hostfxr, short, formatBytes(size), from].map(printable);
}

function frameworksOf({ frameworks }: KeptRuntime): string {
  return frameworks.map(({ name, version }) => `${name} ${version}`).join(', ');
}
