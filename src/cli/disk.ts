import type { Command } from 'commander';
import { addDiskExtract } from './disk/extract.ts';
import { addDiskInspect } from './disk/inspect.ts';
import { addDiskReplaceKernel } from './disk/replace-kernel.ts';
import { addDiskSetCmdline } from './disk/set-cmdline.ts';
import { addDiskSetEnv } from './disk/set-env.ts';

export function defineDisk(disk: Command): void {
  disk.description(
    'Tells what a finished disk boots and how, takes files out of it, and changes its command line, ' +
      'its environment or its kernel without building it again. A changed disk takes the place of the ' +
      'old one in one step, in the same format, and FILE.json is kept true.',
  );
  const commands = [
    addDiskInspect,
    addDiskSetCmdline,
    addDiskSetEnv,
    addDiskReplaceKernel,
    addDiskExtract,
  ];
  for (const add of commands) add(disk);
}
