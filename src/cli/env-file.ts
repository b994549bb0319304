import { isUtf8 } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';
import { ConvertError } from '../error.ts';
import type { Variables } from '../oci/execution.ts';
import { unreadHint, unreadReason } from '../unread-file.ts';
import { problemOfName } from './env.ts';

/** A command line on a disk has 32 KiB. */
const fileCap = 1 << 20;

/**
 * Reads a file of variables in docker's format: `NAME=VALUE` a line, the value as it stands, quotes and
 * all; `NAME` alone takes the value of `hostEnv`, and nothing where it has none. Empty lines and those
 * that begin with `#` are passed over, and so are blanks before a name, a byte order mark, and CR at the
 * ends of lines. A pipe will do. What is in the file is not quoted: it is there to be kept secret.
 * @throws ConvertError `USAGE`, naming file and line.
 */
export async function readEnvFile(path: string, hostEnv: NodeJS.ProcessEnv): Promise<Variables> {
  const bytes = await readCapped(path);
  const lines = splitLines(bytes);
  const variables = new Map<string, string>();
  for (const [at, line] of lines.entries()) {
    const found = parseLine(line, at === 0, hostEnv);
    if (typeof found === 'string') {
      throw refusal(`${path}, line ${at + 1}`, `found ${found}, wanted NAME=VALUE or NAME`);
    }
    if (found?.value !== undefined) variables.set(found.name, found.value);
  }
  return variables;
}

interface Variable {
  readonly name: string;
  readonly value: string | undefined;
}

/** The variable of a line; undefined for a line without one, and a string for what is wrong with it. */
function parseLine(
  bytes: Uint8Array,
  isFirst: boolean,
  hostEnv: NodeJS.ProcessEnv,
): Variable | string | undefined {
  if (!isUtf8(bytes)) return 'bytes that are not UTF-8';
  const text = Buffer.from(bytes).toString('utf8');
  const line = (isFirst ? text.replace(/^\uFEFF/, '') : text).replace(/\r$/, '').trimStart();
  if (line === '' || line.startsWith('#')) return undefined;
  if (line.includes('\0')) return 'a NUL';
  const equals = line.indexOf('=');
  const name = equals === -1 ? line.trimEnd() : line.slice(0, equals);
  const value = equals === -1 ? hostEnv[name] : line.slice(equals + 1);
  return problemOfName(name) ?? { name, value };
}

function splitLines(bytes: Uint8Array): readonly Uint8Array[] {
  const lines: Uint8Array[] = [];
  let start = 0;
  for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return [...lines, bytes.subarray(start)];
}

async function readCapped(path: string): Promise<Uint8Array> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const bytes = Buffer.alloc(fileCap + 1);
    let size = 0;
    for (;;) {
      const { bytesRead } = await file.read(bytes, size, bytes.length - size, null);
      size += bytesRead;
      if (bytesRead === 0 || size === bytes.length) break;
    }
    if (size > fileCap) throw refusal(path, `found more than ${fileCap} bytes, wanted less`);
    return bytes.subarray(0, size);
  } catch (cause) {
    if (cause instanceof ConvertError) throw cause;
    throw refusal(path, `found ${unreadReason(cause)}, wanted a file of variables`, cause);
  } finally {
    await file?.close();
  }
}

function refusal(where: string, problem: string, cause?: unknown): ConvertError {
  const hint = where === '-' ? '--env-file /dev/stdin' : unreadHint(where, cause);
  return new ConvertError('USAGE', `reading --env-file ${where}: ${problem}`, {
    cause,
    ...(hint && { hint }),
  });
}
