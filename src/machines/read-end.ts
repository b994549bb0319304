import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { endOf, type GuestEnd, signalName, type VmmEnd } from '../run/end.ts';
import { fileNames, unlessMissing } from './record.ts';

const tailSize = 64 * 1024;

/** How a machine that is stopped ended. */
export async function readEnd(folder: string): Promise<GuestEnd> {
  const [console, talk, exit] = await Promise.all(
    [fileNames.console, fileNames.talk, fileNames.exit].map((name) => tailOf(join(folder, name))),
  );
  const vmm = parseExit(exit?.toString('latin1') ?? '');
  return endOf({
    console: console ?? Buffer.of(),
    ...(talk !== undefined && { talk: talk.toString('utf8') }),
    ...(vmm !== undefined && { vmm }),
  });
}

/** What a shell's `wait` gives; undefined for what is no whole line. */
function parseExit(text: string): VmmEnd | undefined {
  if (!/^\d{1,3}\n$/.test(text)) return undefined;
  const code = Number(text);
  const signal = code > 128 ? signalName(code - 128) : undefined;
  return signal === undefined ? { code, signal: null } : { code: null, signal };
}

/** The last 64 KiB of a file; undefined when there is none. */
export async function tailOf(path: string): Promise<Buffer | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r').catch(unlessMissing);
    if (file === undefined) return undefined;
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(tailSize),
      0,
      tailSize,
      Math.max(0, size - tailSize),
    );
    return buffer.subarray(0, bytesRead);
  } finally {
    await file?.close();
  }
}
