import type { Command } from 'commander';
import { formatBytes } from '../format.ts';
import { addGlobalOptions } from '../globals.ts';
import { addReachOptions, type ReachOptions, registryOptionsOf } from '../source-options.ts';
import { tellRetries } from '../tell-retries.ts';

export function addKernelPush(kernel: Command): void {
  const command = kernel
    .command('push')
    .summary('copy a kernel into a registry')
    .description(
      'Copies a kernel of the store into a registry, as an OCI artifact of type ' +
        'application/vnd.osv-convert.kernel.v1: a layer for loader.img, one for the ELF.',
    )
    .argument('<name>', 'a name that kernel ls shows')
    .argument('<target>', 'a name in a registry: HOST[:PORT]/NAME[:TAG]')
    .addHelpText('after', examples);
  addGlobalOptions(addReachOptions(command)).action(pushCommand);
}

const examples = `
Examples:
  osv-convert kernel push v0.57.0 ghcr.io/acme/osv-kernel:0.57
  osv-convert save store:kernel/v0.57.0 -o kernel.tar   into a file instead`;

async function pushCommand(
  name: string,
  target: string,
  options: ReachOptions,
  command: Command,
): Promise<void> {
  const { withSession } = await import('../session.ts');
  const { findKernel } = await import('../../osv/kernels.ts');
  const { refOfKernel } = await import('../../osv/kernel-refs.ts');
  const { push } = await import('../../copy/push.ts');
  await withSession(command, async ({ store, onEvent, signal, print }) => {
    const kernel = await findKernel(store, name);
    const registry = tellRetries(registryOptionsOf(options), onEvent);
    const from = `store:${refOfKernel(kernel.name)}`;
    const pushed = await push(store, from, target, { registry, onEvent, signal });
    const { reference, digest, uploaded } = pushed;
    await print(pushed, `${reference}@${digest} (${formatBytes(uploaded)} sent)\n`);
  });
}
