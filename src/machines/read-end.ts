import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endOf, type GuestEnd, signalName, type VmmEnd } from '../run/end.ts';
import { openConsole } from './console-files.ts';
import { fileNames, type MachineRecord, unlessMissing } from './record.ts';

const tailSize = 64 * 1024;

/** How a machine that is stopped ended. */
export async function readEnd(folder: string, { vmm }: MachineRecord): Promise<GuestEnd> {
  const [console, talk, ofVmm, lost] = await Promise.all([
    tailOf(folder, fileNames.console),
    readTalk(folder),
    readVmmEnd(folder),
    readFile(join(folder, fileNames.lost), 'latin1').catch(unlessMissing),
  ]);
  const share = lost === undefined ? undefined : vmm?.machine.shares?.[Number(lost)];
  return endOf({
    ...{ console, talk },
    ...(ofVmm !== undefined && { vmm: ofVmm }),
    ...(share !== undefined && { lost: share.folder }),
  });
}

/** How the hypervisor of a machine ended; undefined when nobody saw it. */
export async function readVmmEnd(folder: string): Promise<VmmEnd | undefined> {
  const text = await readFile(join(folder, fileNames.exit), 'latin1').catch(unlessMissing);
  return parseExit(text ?? '');
}

/** The last that it said. */
export async function readTalk(folder: string): Promise<string> {
  return (await tailOf(folder, fileNames.talk)).toString('utf8').trim();
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
