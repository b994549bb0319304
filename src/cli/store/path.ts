import type { Command } from 'commander';
import { addGlobalOptions, globalOptionsOf } from '../globals.ts';

export function addStorePath(store: Command): void {
  const command = store
    .command('path')
    .summary('print the folder of the store')
    .description(
      'Prints the folder of the store, whether it is there yet or not. It is an OCI image layout.',
    )
    .addHelpText('after', examples);
  addGlobalOptions(command).action(pathCommand);
}

const examples = `
Examples:
  du -sh "$(osv-convert store path)"
  skopeo inspect "oci:$(osv-convert store path):docker.io/library/nginx:latest"`;

/** Opens nothing, so that it also tells where a damaged store lies. */
async function pathCommand(_options: unknown, command: Command): Promise<void> {
  const { writeStdout } = await import('../stdout.ts');
  const { store: path, json } = globalOptionsOf(command, process.env);
  await writeStdout(json ? `${JSON.stringify({ path }, undefined, 2)}\n` : `${path}\n`);
}
