import type { Command } from 'commander';
import { ConvertError } from '../../error.ts';
import { formatBytes, printable } from '../format.ts';
import { addGlobalOptions } from '../globals.ts';
import { writeStdout } from '../stdout.ts';

interface ExportCommandOptions {
  readonly output: string;
}

export function addStoreExport(store: Command): void {
  const command = store
    .command('export')
    .summary('write names with all that belongs to them to one file')
    .description(
      'Writes one OCI archive, which "store import", skopeo and podman (oci-archive:FILE:NAME) read, ' +
        'with names as they are in the store: every platform, kernels, runtimes, signatures. The ' +
        'same names give the same bytes. Every byte is verified.',
    )
    .argument('[name...]', 'names in the store, * for any characters (default: all)')
    .requiredOption('-o, --output <file>', 'the file to write, - for stdout')
    .addHelpText('after', examples);
  addGlobalOptions(command).action(exportCommand);
}

const examples = `
Examples:
  osv-convert store export web:1.0 'kernel/*' 'runtime/*' -o site.tar
  osv-convert store export -o - | zstd | ssh HOST 'osv-convert store import -'`;

async function exportCommand(
  texts: readonly string[],
  { output }: ExportCommandOptions,
  command: Command,
): Promise<void> {
  const { withSession } = await import('../session.ts');
  const { withChosenNames } = await import('../../copy/chosen-names.ts');
  const { writeFileOf } = await import('../../copy/output-layout.ts');
  await withSession(command, async ({ globals, store, onEvent, signal, print }) => {
    const toStdout = output === '-';
    if (toStdout) refuseForStdout(globals.json);
    const all = texts.length === 0 ? ['*'] : texts;
    await withChosenNames(store, all, async (names) => {
      const archive = store.export({
        names,
        signal,
        onProgress: ({ written, size }) => onEvent({ event: 'write', path: output, written, size }),
      });
      if (toStdout) {
        for await (const chunk of archive) await writeStdout(chunk);
        return;
      }
      const size = await writeFileOf(output, archive, { signal });
      const lines = names.map((name) => `${printable(name)}\n`).join('');
      await print({ output, names, size }, `${output}: ${formatBytes(size)}\n${lines}`);
    });
  });
}

/** @throws ConvertError `USAGE`. */
function refuseForStdout(json: boolean): void {
  const found = json ? '--json' : process.stdout.isTTY ? 'a terminal' : undefined;
  if (found === undefined) return;
  throw new ConvertError(
    'USAGE',
    `exporting to stdout: found ${found} there, wanted a file or a pipe for the archive`,
    { hint: 'osv-convert store export -o FILE' },
  );
}
