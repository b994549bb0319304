import type { Command } from 'commander';
import { addRofsCat } from './rofs/cat.ts';
import { addRofsDump } from './rofs/dump.ts';
import { addRofsFsck } from './rofs/fsck.ts';
import { addRofsLs } from './rofs/ls.ts';
import { addRofsStat } from './rofs/stat.ts';

export function defineRofs(rofs: Command): void {
  rofs.description(
    "Examines OSv's read-only file system as it stands on a disk or in a file of its own: " +
      'inodes, blocks and tables, damaged ones too. For what is in it, ls, cat and stat do more.',
  );
  for (const add of [addRofsFsck, addRofsLs, addRofsCat, addRofsDump, addRofsStat]) add(rofs);
}
