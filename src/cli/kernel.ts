import { type Command, Option } from 'commander';
import type { Kernel, KernelArchitecture } from '../osv/kernel.ts';
import type { ListedKernel } from '../osv/kernels.ts';
import { parseFiles } from './file-argument.ts';
import { formatBytes, formatTable } from './format.ts';
import { addGlobalOptions } from './globals.ts';
import { describeKernel } from './kernel/describe.ts';
import { addKernelInspect } from './kernel/inspect.ts';
import { addKernelPull } from './kernel/pull.ts';
import { addKernelPush } from './kernel/push.ts';

export function defineKernel(kernel: Command): void {
  kernel.description('Keeps OSv kernels in the store. .NET needs one with hidden symbols.');
  addGlobalOptions(
    kernel
      .command('add')
      .summary('take kernel files into the store')
      .description(
        'Takes loader.img, loader-stripped.elf or both (also gzipped) into the store as one kernel.',
      )
      .argument('<file...>', 'loader.img and/or loader-stripped.elf of one kernel', parseFiles)
      .option('--name <name>', 'name of the kernel (default: its version)')
      .option('--default', 'make it the kernel that build uses')
      .addHelpText('after', addExamples),
  ).action(addCommand);
  addGlobalOptions(
    kernel
      .command('fetch')
      .summary('get the hidden-symbols kernel of an OSv release')
      .description(
        'Gets loader.img and ELF of an OSv release with hidden symbols. Their digests are recorded at ' +
          'the first fetch; other bytes under the same version are refused later. That for aarch64 is ' +
          'named VERSION-aarch64.',
      )
      .option('--version <tag>', 'OSv release (default: the last one)')
      .addOption(
        new Option('--arch <name>', 'processor of the machines it is for')
          .choices(['x86_64', 'aarch64'])
          .default('x86_64'),
      )
      .option('--url <base>', 'where releases lie (default: those of OSv on GitHub)')
      .option('--default', 'make it the kernel that build uses')
      .addHelpText('after', fetchExamples),
  ).action(fetchCommand);
  addKernelPull(kernel);
  addKernelPush(kernel);
  addKernelInspect(kernel);
  addGlobalOptions(
    kernel
      .command('ls')
      .summary('list the kernels in the store')
      .description('Lists the kernels in the store; * is the one that build uses.'),
  ).action(listCommand);
  addGlobalOptions(
    kernel
      .command('rm')
      .summary('forget a kernel')
      .description(
        'Takes the name of a kernel out of the store. store gc frees its room when nothing else needs it.',
      )
      .argument('<name>', 'a name that kernel ls shows'),
  ).action(removeCommand);
}

const addExamples = `
Example:
  osv-convert kernel add loader.img loader-stripped.elf --name mine --default`;

const fetchExamples = `
Examples:
  osv-convert kernel fetch
  osv-convert kernel fetch --arch aarch64`;

interface AddOptions {
  readonly name?: string;
  readonly default?: true;
}

async function addCommand(
  files: readonly string[],
  options: AddOptions,
  command: Command,
): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { readKernelFile } = await import('./kernel-file.ts');
  const { addKernel: add } = await import('../osv/kernels.ts');
  await withSession(command, async ({ store, print }) => {
    const sources = await Promise.all(files.map(readKernelFile));
    const kernel = await add(store, sources, {
      ...(options.name !== undefined && { name: options.name }),
      ...(options.default && { setDefault: true }),
    });
    await print(kernel, `${describeKernel(kernel)}\n`);
  });
}

interface FetchOptions {
  readonly version?: string;
  readonly arch: KernelArchitecture;
  readonly url?: string;
  readonly default?: true;
}

async function fetchCommand(options: FetchOptions, command: Command): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { fetchKernel } = await import('../osv/fetch-kernel.ts');
  await withSession(command, async ({ store, onEvent, signal, print }) => {
    const kernel = await fetchKernel(store, {
      ...(options.version !== undefined && { release: options.version }),
      architecture: options.arch,
      ...(options.url !== undefined && { releases: options.url }),
      ...(options.default && { setDefault: true }),
      onEvent: ({ reason }) => onEvent({ event: 'warning', text: `${reason}; trying again` }),
      signal,
    });
    await print(kernel, `${describeKernel(kernel)}\n`);
  });
}

async function listCommand(_options: unknown, command: Command): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { listKernels } = await import('../osv/kernels.ts');
  await withSession(command, async ({ store, print }) => {
    const listed = await listKernels(store);
    const kernels = listed.map(({ kernel, isDefault }) => ({ ...kernel, default: isDefault }));
    await print({ kernels }, formatTable(heads, listed.map(rowOf)));
  });
}

async function removeCommand(name: string, _options: unknown, command: Command): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { removeKernel } = await import('../osv/kernels.ts');
  await withSession(command, async ({ store, print }) => {
    await removeKernel(store, name);
    await print({ removed: name }, `${name} removed\n`);
  });
}

const heads = ['', 'KERNEL', 'VERSION', 'ARCHITECTURE', 'SYMBOLS', 'LOADER', 'ELF'];

function rowOf({ kernel, isDefault }: ListedKernel): readonly string[] {
  const { name, version, architecture, symbols, loader, elf } = kernel;
  const size = (file: Kernel['elf']): string => (file === undefined ? '-' : formatBytes(file.size));
  return [
    isDefault ? '*' : '',
    name,
    version ?? 'unknown',
    architecture,
    symbols,
    size(loader),
    size(elf),
  ];
}
