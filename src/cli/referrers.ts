import type { Command } from 'commander';
import { formatBytes, formatTable, printable } from './format.ts';
import { addGlobalOptions } from './globals.ts';
import { addReachOptions, type ReachOptions, registryOptionsOf } from './source-options.ts';
import { tellRetries } from './tell-retries.ts';

interface ReferrersCommandOptions extends ReachOptions {
  readonly artifactType?: string;
}

export function defineReferrers(command: Command): void {
  command
    .description(
      'Lists what refers to an image in its registry: signatures, SBOMs and the like. Where the name leads to an index of several platforms, what refers to the index; NAME@DIGEST asks for one of its images.',
    )
    .argument('<ref>', 'an image in a registry')
    .option('--artifact-type <type>', 'only those of this type');
  addGlobalOptions(addReachOptions(command.addHelpText('after', examples))).action(
    referrersCommand,
  );
}

const examples = `
Examples:
  osv-convert referrers registry.example/web:1.0
  osv-convert referrers registry.example/web:1.0 \\
    --artifact-type application/spdx+json`;

async function referrersCommand(
  ref: string,
  options: ReferrersCommandOptions,
  command: Command,
): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { listReferrers } = await import('../copy/referrers.ts');
  const { refuseLocal } = await import('./registry-only.ts');
  refuseLocal(`listing referrers of ${ref}`, ref);
  await withSession(command, async ({ onEvent, signal, print }) => {
    const { artifactType } = options;
    const listed = await listReferrers(ref, {
      registry: tellRetries(registryOptionsOf(options), onEvent),
      ...(artifactType !== undefined && { artifactType }),
      signal,
    });
    const rows = listed.referrers.map(({ digest, artifactType = 'unknown', size }) => [
      digest,
      formatBytes(size),
      printable(artifactType),
    ]);
    await print(listed, formatTable(['DIGEST', 'SIZE', 'TYPE'], rows));
  });
}
