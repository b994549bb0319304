import { basename, extname } from 'node:path';
import { ConvertError } from '../error.ts';
import { shellWord } from '../shell-word.ts';

/** An ending of names that promises what is not written here; of two that fit the first counts. */
interface ForeignEnding {
  readonly endings: readonly string[];
  readonly name: string;
  /** The ending of the nearest that is written. */
  readonly nearest: string;
  /** What is before it is a name as well, with an ending of its own. */
  readonly packs?: true;
}

const foreign: readonly ForeignEnding[] = [
  { endings: ['.vhdx'], name: 'a VHDX disk', nearest: '.vhd' },
  { endings: ['.avhd', '.avhdx'], name: 'a VHD that changes another', nearest: '.vhd' },
  { endings: ['.vpc'], name: 'a disk of Virtual PC', nearest: '.vhd' },
  { endings: ['.xva'], name: 'a machine of XenServer', nearest: '.vhd' },
  { endings: ['.qcow', '.cow'], name: 'a disk of older versions of QEMU', nearest: '.qcow2' },
  { endings: ['.qed'], name: 'a QED disk', nearest: '.qcow2' },
  { endings: ['.ovf'], name: 'the description of a machine', nearest: '.ova' },
  { endings: ['.box'], name: 'a box of Vagrant', nearest: '.ova' },
  { endings: ['.hdd', '.hds'], name: 'a disk of Parallels', nearest: '.raw' },
  { endings: ['.dmg', '.sparseimage'], name: 'a disk of macOS', nearest: '.raw' },
  { endings: ['.iso'], name: 'a CD', nearest: '.raw' },
  { endings: ['.rofs'], name: 'a ROFS without a disk', nearest: '.raw' },
  { endings: ['.ext2', '.ext3', '.ext4'], name: 'an ext file system', nearest: '.raw' },
  { endings: ['.squashfs', '.sqfs'], name: 'a squashfs', nearest: '.raw' },
  {
    endings: ['.tar', '.tar.xz', '.tar.zst', '.tar.bz2', '.txz', '.tzst'],
    name: 'a tar other than that of Compute Engine',
    nearest: '.tar.gz',
  },
  {
    endings: ['.gz', '.xz', '.zst', '.bz2', '.lz4', '.zip', '.7z'],
    name: 'a packed file',
    nearest: '.raw',
    packs: true,
  },
];

/**
 * Refuses the name of a file that nobody would take for the raw disk which it was to be.
 * @throws ConvertError `USAGE`.
 */
export function refuseForeignEnding(path: string): void {
  const lower = basename(path).toLowerCase();
  for (const { endings, name, nearest, packs = false } of foreign) {
    const ending = endings.find((one) => lower.endsWith(one));
    if (ending === undefined) continue;
    const stem = path.slice(0, -ending.length);
    const better = packs && extname(stem) !== '' ? stem : `${stem}${nearest}`;
    throw new ConvertError(
      'USAGE',
      `writing the disk: found the output ${JSON.stringify(path.slice(-160))}, a name for ${name}, ` +
        'wanted one for a format that is written',
      { hint: `name it ${shellWord(better)}\nor, to keep the name, say what it is by --format` },
    );
  }
}
