import type { Command } from 'commander';
import { countedReferrers } from './counted-referrers.ts';
import { formatBytes } from './format.ts';
import { addGlobalOptions } from './globals.ts';
import { addReachOptions, type ReachOptions, registryOptionsOf } from './source-options.ts';
import { tellRetries } from './tell-retries.ts';
import { withDigest } from './with-digest.ts';

interface PushCommandOptions extends ReachOptions {
  readonly referrers?: boolean;
}

export function definePush(command: Command): void {
  command
    .description(
      'Copies an image into a registry, byte for byte. A name that the store has for several platforms becomes an index of them. ' +
        'Blobs that the registry has are not sent again.',
    )
    .argument(
      '<ref>',
      'a name in the store; or docker://NAME, oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE',
    )
    .argument('<target>', 'a name in a registry: HOST[:PORT]/NAME[:TAG]')
    .option(
      '--referrers',
      'push what refers to the image in the store too: signatures, SBOMs (see pull --referrers)',
    );
  addGlobalOptions(addReachOptions(command.addHelpText('after', examples))).action(pushCommand);
}

const examples = `
Examples:
  osv-convert push web:1.0 registry.example/web:1.0
  osv-convert push oci:./image registry.example/web:1.0`;

async function pushCommand(
  ref: string,
  target: string,
  options: PushCommandOptions,
  command: Command,
): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { push } = await import('../copy/push.ts');
  await withSession(command, async ({ store, onEvent, signal, print }) => {
    const registry = tellRetries(registryOptionsOf(options), onEvent);
    const { referrers = false } = options;
    const pushed = await push(store, ref, target, { referrers, registry, onEvent, signal });
    const name = withDigest(pushed.reference, pushed.digest);
    const line = `${name} (${formatBytes(pushed.uploaded)} sent)\n`;
    await print(pushed, line + countedReferrers(pushed.referrers));
  });
}
