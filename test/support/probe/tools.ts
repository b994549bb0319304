import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

type Tool = 'qemu' | 'gcc' | 'armQemu' | 'armGcc';

/** What the probe needs on PATH; a test that finds one undefined skips, and says which. */
export function probeTools(): Record<Tool, string | undefined> {
  return {
    qemu: onPath('qemu-system-x86_64'),
    gcc: onPath('gcc'),
    armQemu: onPath('qemu-system-aarch64'),
    armGcc: onPath('aarch64-linux-gnu-gcc'),
  };
}

function onPath(program: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, program)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
