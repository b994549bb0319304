import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endOf, type GuestEnd, signalName, type VmmEnd } from '../run/end.ts';
import { openConsole } from './console-files.ts';
import { fileNames, unlessMissing } from './record.ts';

const tailSize = 64 * 1024;

/** How a machine that is stopped ended. */
export async function readEnd(folder: string): Promise<GuestEnd> {
  const [console, talk, exit] = await Promise.all([
    tailOf(folder, fileNames.console),
    tailOf(folder, fileNames.talk),
    readFile(join(folder, fileNames.exit), 'latin1').catch(unlessMissing),
  ]);
  const vmm = parseExit(exit ?? '');
  return endOf({ console, talk: talk.toString('utf8'), ...(vmm !== undefined && { vmm }) });
}

/** What a shell's `wait` gives; undefined for what is no whole line. */
function parseExit(text: string): VmmEnd | undefined {
  if (!/^\d{1,3}\n$/.test(text)) return undefined;
  const code = Number(text);
  const signal = code > 128 ? signalName(code - 128) : undefined;
  return signal === undefined ? { code, signal: null } : { code: null, signal };
}

/** The last 64 KiB of the console or the talk of a machine. */
export async function tailOf(folder: string, name: string): Promise<Buffer> {
  const files = openConsole(folder, name);
  try {
    const view = await files.look();
    return await view.read(Math.max(0, view.size - tailSize), tailSize);
  } finally {
    await files.close();
  }
}
