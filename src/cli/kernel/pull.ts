import type { Command } from 'commander';
import { printable } from '../format.ts';
import { addGlobalOptions } from '../globals.ts';
import { addReachOptions, type ReachOptions, registryOptionsOf } from '../source-options.ts';
import { tellRetries } from '../tell-retries.ts';
import { describeKernel } from './describe.ts';

interface PullOptions extends ReachOptions {
  readonly name?: string;
  readonly default?: true;
}

export function addKernelPull(kernel: Command): void {
  const command = kernel
    .command('pull')
    .summary('take a kernel from a registry into the store')
    .description(
      'Takes a kernel that is kept as an OCI artifact into the store: from a registry, or from oci:DIR, ' +
        'oci-archive:FILE. Its files are looked at as those of kernel add are; the digest is recorded.',
    )
    .argument('<ref>', 'an artifact, such as ghcr.io/acme/osv-kernel:0.57 or oci:DIR:TAG')
    .option('--name <name>', 'name of the kernel (default: of the repository and the tag)')
    .option('--default', 'make it the kernel that build uses')
    .addHelpText('after', examples);
  addGlobalOptions(addReachOptions(command)).action(pullCommand);
}

const examples = `
Examples:
  osv-convert kernel pull ghcr.io/acme/osv-kernel:0.57 --default
  osv-convert kernel pull oci-archive:kernel.tar --name offline`;

async function pullCommand(ref: string, options: PullOptions, command: Command): Promise<void> {
  const { withSession } = await import('../session.ts');
  const { pullKernel } = await import('../../osv/kernel-pull.ts');
  await withSession(command, async ({ store, onEvent, signal, print }) => {
    const kernel = await pullKernel(store, ref, {
      registry: tellRetries(registryOptionsOf(options), onEvent),
      ...(options.name !== undefined && { name: options.name }),
      ...(options.default && { setDefault: true }),
      signal,
    });
    await print(kernel, `${printable(describeKernel(kernel))}\n`);
  });
}
