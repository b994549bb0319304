import type { Rule } from '../rofs/findings.ts';

const error = (why: string): Rule => ({ severity: 'error', why });
const warning = (why: string): Rule => ({ severity: 'warning', why });

/** What `fsckDisk` looks for around the ROFS, and what OSv does where it meets it. Files are those of OSv's tree. */
export const diskRules = {
  'boot-signature': error(
    'without 55 aa at its end the first sector has no partitions (device.cc), and a BIOS does not start it',
  ),
  'partition-missing': error(
    'the root is /dev/vblk0.1, the second slot; a slot of type 0 is passed over (loader.cc, device.cc)',
  ),
  'partition-chs': error('a slot whose start has sector 0 is passed over (device.cc)'),
  'partition-start': error('the root would begin in the boot sector'),
  'partition-bounds': error('what lies behind the end of the disk cannot be read'),
  'partition-kernel': error('the root would lie over the command line or the kernel'),
  'partition-overlap': error('two partitions have sectors in common'),
  'partition-rofs': error('the root is mounted as ROFS, and is none (rofs_vfsops.cc, rofs_mount)'),
  'kernel-count': error('the boot sector loads that many pieces of 32 KiB (boot16.S, count32)'),
  'kernel-format': error('the boot sector jumps to where an ELF says (boot16.S)'),
  'command-line-end': error('63 sectors are loaded, and the line ends with a NUL (boot16.S)'),
  'command-line-parse': error('OSv says "Failed to parse command line." and stops (commands.cc)'),
  'command-line-empty': warning('OSv says that there is nothing to run, and stops (loader.cc)'),
} as const satisfies Readonly<Record<string, Rule>>;

export type DiskRule = keyof typeof diskRules;
