import type { Command } from 'commander';
import { addGlobalOptions, globalOptionsOf } from './globals.ts';

export function defineLogout(command: Command): void {
  command
    .description(
      'Forgets what is kept for a registry in every auth file that counts, and by the helpers they name.',
    )
    .argument('<host>', 'a registry, such as quay.io or localhost:5000; docker.io for Docker Hub');
  addGlobalOptions(command.addHelpText('after', examples)).action(logoutCommand);
}

const examples = `
Example:
  osv-convert logout quay.io`;

async function logoutCommand(host: string, _options: unknown, command: Command): Promise<void> {
  const { parseRegistry } = await import('../source/registry/registry-name.ts');
  const { forgetCredentials } = await import('../source/auth/keep.ts');
  const { writeStdout } = await import('./stdout.ts');
  const registry = parseRegistry(host);
  const removedFrom = await forgetCredentials(registry);
  const text =
    removedFrom.length === 0
      ? `found nothing kept for ${registry}\n`
      : `forgot ${registry} in ${removedFrom.join(', ')}\n`;
  await writeStdout(
    globalOptionsOf(command, process.env).json
      ? `${JSON.stringify({ registry, removedFrom }, undefined, 2)}\n`
      : text,
  );
}
