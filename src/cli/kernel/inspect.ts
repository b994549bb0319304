import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from 'commander';
import type { Store } from '../../../store/index.ts';
import type { InspectedKernel } from '../../osv/kernel-inspect.ts';
import { formatBytes, formatTable, printable } from '../format.ts';
import { addGlobalOptions } from '../globals.ts';

interface InspectOptions {
  readonly symbols?: true;
}

export function addKernelInspect(kernel: Command): void {
  const command = kernel
    .command('inspect')
    .summary('tell what a kernel can do')
    .description(
      'Tells what a kernel can do, by what its files show: version, symbols that programs are linked ' +
        'with, room for thread-local data, ways to boot, drivers, file systems, system calls. Each says ' +
        'by which evidence. Nothing of the kernel is executed.',
    )
    .argument('<name|file>', 'a name that kernel ls shows, or loader.img or an ELF (also gzipped)')
    .option('--symbols', 'the names that programs can be linked with, too')
    .addHelpText('after', examples);
  addGlobalOptions(command).action(inspectCommand);
}

const examples = `
Examples:
  osv-convert kernel inspect v0.57.0
  osv-convert kernel inspect ./loader.img --symbols
  osv-convert kernel inspect mine --json | jq '.capabilities[].name'`;

async function inspectCommand(
  name: string,
  options: InspectOptions,
  command: Command,
): Promise<void> {
  const { withSession } = await import('../session.ts');
  await withSession(command, async ({ store, print }) => {
    const value = toldOf(name, await inspect(store, name), options);
    await print(value, textOf(value));
  });
}

/** A kernel of the store, unless there is none of the name and a file is. */
async function inspect(store: Store, name: string): Promise<InspectedKernel> {
  const { inspectKernel, inspectKernelFile } = await import('../../osv/kernel-inspect.ts');
  const { findKernel, listKernels } = await import('../../osv/kernels.ts');
  const isStored = (await listKernels(store)).some(({ kernel }) => kernel.name === name);
  const isThere = !isStored && (name.includes('/') || (await isFileAt(name)));
  if (!isThere) return await inspectKernel(store, await findKernel(store, name));
  const { readKernelFile } = await import('../kernel-file.ts');
  const { bytes } = await readKernelFile(name);
  return inspectKernelFile(basename(name), bytes);
}

async function isFileAt(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

function toldOf(
  name: string,
  { abilities, capabilities, ...kernel }: InspectedKernel,
  { symbols }: InspectOptions,
) {
  const { exports, ...rest } = abilities ?? {};
  return {
    ...kernel,
    ...rest,
    name,
    ...(exports && { exported: { all: exports.length, c: exports.filter(isC).length } }),
    ...(exports && symbols && { names: exports }),
    capabilities,
  };
}

/** Not a name of C++ (Itanium C++ ABI). */
function isC(name: string): boolean {
  return !name.startsWith('_Z');
}

function textOf(value: ReturnType<typeof toldOf>): string {
  const { name, version, architecture, symbols, exported, tlsLimit, compiler, memory } = value;
  const { supplied, loader, elf, origin, capabilities, names = [] } = value;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['kernel', name],
    ['version', version ?? 'unknown'],
    ['architecture', architecture],
    ['origin', origin],
    ['loader.img', loader && `${formatBytes(loader.size)}, ${loader.digest}`],
    ['ELF', elf && `${formatBytes(elf.size)}, ${elf.digest}`],
    ['compiler', compiler],
    ['memory', memory === undefined ? undefined : `${formatBytes(memory)} for code and data`],
    ['symbols', `${symbols}${exported ? `, ${exported.all} exported (${exported.c} of C)` : ''}`],
    ['C++ library', symbols === 'unknown' ? undefined : `its own, ${symbols}`],
    ['TLS limit', tlsLimit === undefined ? 'unknown' : `${tlsLimit} bytes`],
    ['libraries', supplied && `${supplied.join(' ')}`],
  ];
  const lines = facts.flatMap(([what, fact]) =>
    fact === undefined ? [] : [`${what.padEnd(12)}  ${printable(fact)}\n`],
  );
  const rows = [...capabilities]
    .sort((a, b) => order(a.group) - order(b.group))
    .map((one) => [one.group, one.name, one.state, one.evidence].map(printable));
  const table = formatTable(['KIND', 'WHAT', 'HAS', 'EVIDENCE'], rows);
  return [...lines, '\n', table, ...names.map((one) => `${printable(one)}\n`)].join('');
}

function order(group: string): number {
  return ['boot', 'file-system', 'driver', 'call'].indexOf(group);
}
