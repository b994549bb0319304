import type { Command } from 'commander';
import { formatTable, printable } from './format.ts';
import { addGlobalOptions } from './globals.ts';
import { addSourceOptions, registryOptionsOf, type SourceOptions } from './source-options.ts';

export function defineDoctor(command: Command): void {
  command
    .description(
      'Goes the way of a pull step by step and tells what it finds: name, connection, certificate, API, credentials (where they are from, never what they are), manifest, and the first layer on the registry and on the host it sends us to. The exit code is that of the step that failed.',
    )
    .argument('<ref>', 'an image in a registry');
  addGlobalOptions(addSourceOptions(command.addHelpText('after', examples))).action(doctorCommand);
}

const examples = `
Example:
  osv-convert doctor registry.example/web:1.0`;

async function doctorCommand(ref: string, options: SourceOptions, command: Command): Promise<void> {
  const { withSession } = await import('./session.ts');
  const { diagnose } = await import('../doctor/doctor.ts');
  const { refuseLocal } = await import('./registry-only.ts');
  refuseLocal(`examining a pull of ${ref}`, ref);
  await withSession(command, async ({ globals, onEvent, signal, print }) => {
    const { platform } = options;
    const { failure, ...diagnosis } = await diagnose(ref, {
      registry: registryOptionsOf(options),
      ...(platform !== undefined && { platform }),
      // For people the table says it all.
      ...(globals.progress === 'json' && {
        onStep: ({ name, status }) => onEvent({ event: 'stage', text: `${name}: ${status}` }),
      }),
      signal,
    });
    const rows = diagnosis.steps.map(({ name, status, milliseconds, text }) => [
      name,
      status,
      `${milliseconds} ms`,
      printable(text),
    ]);
    await print(diagnosis, formatTable(['STEP', 'STATUS', 'TIME', 'FOUND'], rows));
    if (failure !== undefined) throw failure;
  });
}
