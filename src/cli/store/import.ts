import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import type { Command } from 'commander';
import { StoreError } from '../../../store/index.ts';
import { ConvertError } from '../../error.ts';
import type { OnEvent } from '../../event.ts';
import { parseFile } from '../file-argument.ts';
import { printable } from '../format.ts';
import { addGlobalOptions } from '../globals.ts';

export function addStoreImport(store: Command): void {
  const command = store
    .command('import')
    .summary('take in what export wrote')
    .description(
      'Takes in an OCI archive (also gzip or zstd): every blob is verified, and the names are set at ' +
        'the end, all at once, when all that they lead to is there. They replace names of the store. ' +
        'For archives without names, and those of docker, there is "osv-convert load".',
    )
    .argument('<file>', 'the archive, - for stdin', parseFile)
    .addHelpText('after', examples);
  addGlobalOptions(command).action(importCommand);
}

const examples = `
Examples:
  osv-convert store import site.tar
  curl -fsS https://HOST/site.tar.zst | osv-convert store import -`;

async function importCommand(path: string, _options: unknown, command: Command): Promise<void> {
  const { withSession } = await import('../session.ts');
  await withSession(command, async ({ store, onEvent, signal, print }) => {
    const refs = await store
      .import(readInput(path, onEvent, signal), { signal })
      .catch((error: unknown) => {
        throw named(path, error);
      });
    const lines = refs.map(({ name, descriptor }) => `${printable(name)}@${descriptor.digest}\n`);
    await print({ names: refs }, lines.join(''));
  });
}

/** The store does not know what the archive is called. */
function named(path: string, error: unknown): unknown {
  if (!(error instanceof StoreError) || error.code !== 'ARCHIVE_INVALID') return error;
  const [archive, file] = path === '-' ? ['stdin', 'FILE'] : [path, path];
  const message = error.message.replace(/^importing an archive: /, () => `importing ${archive}: `);
  const hint = error.hint?.replace(/\bFILE$/, () => file) ?? 'export or copy the archive again';
  return new StoreError(error.code, message, { hint, cause: error });
}

/** @throws ConvertError `IMAGE_NOT_FOUND`, `ACCESS_DENIED`; `USAGE` for a terminal. */
async function* readInput(
  path: string,
  onEvent: OnEvent,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const { fileError } = await import('../../source/layout/file.ts');
  try {
    if (path === '-') {
      yield* addAbortSignal(signal, stdin());
      return;
    }
    const { size } = await stat(path);
    let read = 0;
    const stream = createReadStream(path, { highWaterMark: 2 ** 20 });
    for await (const chunk of addAbortSignal(signal, stream)) {
      read += chunk.length;
      if (read <= size) onEvent({ event: 'read', path, read, size });
      yield chunk;
    }
  } catch (cause) {
    throw fileError(`importing ${path}`, path, cause);
  }
}

function stdin(): Readable {
  if (!process.stdin.isTTY) return process.stdin;
  throw new ConvertError(
    'USAGE',
    'importing from stdin: found a terminal there, wanted a file or a pipe',
    { hint: 'osv-convert store import FILE' },
  );
}
