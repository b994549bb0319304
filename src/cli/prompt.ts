import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { ConvertError } from '../error.ts';

/** Bytes on stdin above which it is no password. */
const secretCap = 64 * 1024;

/**
 * Asks on stderr and reads a line from the terminal; what is `hidden` is not echoed.
 * @throws ConvertError `INTERRUPTED` for Ctrl-C and the end of input.
 */
export async function prompt(question: string, { hidden }: { hidden: boolean }): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const output = hidden ? nowhere : process.stderr;
  const lines = createInterface({ input: process.stdin, output, terminal: true, historySize: 0 });
  if (hidden) process.stderr.write(question);
  try {
    return await new Promise<string>((done, failed) => {
      const stop = (): void => failed(new ConvertError('INTERRUPTED', 'interrupted at the prompt'));
      lines
        .once('SIGINT', stop)
        .once('close', stop)
        .question(hidden ? '' : question, done);
    });
  } finally {
    lines.close();
    if (hidden) process.stderr.write('\n');
  }
}

/**
 * The secret on stdin, without the end of its line.
 * @throws ConvertError `USAGE` when there is none or it is no secret.
 */
export async function readSecret(): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    size += chunk.length;
    if (size > secretCap) {
      throw new ConvertError(
        'USAGE',
        `reading the password: found more than ${secretCap} bytes on stdin, wanted one line`,
      );
    }
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}
