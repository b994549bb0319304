import type { Findings } from './findings.ts';
import { hasOddMode, rawInodeAt } from './format.ts';
import type { RofsRecords } from './records.ts';
import type { RofsRule } from './rules.ts';

/** All inodes in columns, inode N at N - 1. A number that cannot be is NaN. */
export interface InodeTable {
  readonly kinds: Uint8Array;
  readonly starts: Float64Array;
  readonly counts: Float64Array;
}

/** Of `InodeTable.kinds`; 0 is none of them. */
export const isFile = 1;
export const isDirectory = 2;
export const isSymlink = 3;

const kindNumbers = { file: isFile, directory: isDirectory, symlink: isSymlink } as const;

/** What can be told by each inode alone. */
export function checkInodes(records: RofsRecords, findings: Findings<RofsRule>): InodeTable {
  const { info, inodes } = records;
  const kinds = new Uint8Array(inodes.length);
  const starts = new Float64Array(inodes.length);
  const counts = new Float64Array(inodes.length);
  inodes.forEach((at, index) => {
    const inode = rawInodeAt(info, at);
    const { mode, kind, number, start, count } = inode;
    const offset = records.infoOffset + at;
    kinds[index] = kind === undefined ? 0 : kindNumbers[kind];
    starts[index] = typeof start === 'number' ? start : Number.NaN;
    counts[index] = typeof count === 'number' ? count : Number.NaN;
    if (number !== index + 1) {
      findings.add('inode-number', offset + 8, () => `found ${number}, wanted ${index + 1}`);
    }
    if (kind === undefined) {
      findings.add('inode-kind', offset, () => {
        return `found mode 0x${mode.toString(16)} at inode ${index + 1}, wanted 0x8000, 0x4000 or 0xa000`;
      });
    } else if (hasOddMode(inode)) {
      findings.add('mode-bits', offset, () => {
        return `found mode 0x${mode.toString(16)} at ${kind} inode ${index + 1}, wanted its kind alone`;
      });
    }
    if (kind === 'symlink') checkSymlink(records, index, start, count, findings);
  });
  if (inodes.length > 0 && kinds[0] !== isDirectory) {
    const text = () => 'found no directory as inode 1, wanted the root';
    findings.add('root-kind', records.infoOffset + (inodes[0] ?? 0), text);
  }
  return { kinds, starts, counts };
}

function checkSymlink(
  { symlinks, inodes, infoOffset }: RofsRecords,
  index: number,
  start: number | bigint,
  count: number | bigint,
  findings: Findings<RofsRule>,
): void {
  const offset = infoOffset + (inodes[index] ?? 0);
  if (!(start < symlinks.length)) {
    findings.add('symlink-bounds', offset + 16, () => {
      return `found target ${start} at inode ${index + 1}, wanted one of ${symlinks.length}`;
    });
  }
  if (count !== 1) {
    const text = () => `found a count of ${count} at symlink inode ${index + 1}, wanted 1`;
    findings.add('symlink-count', offset + 24, text);
  }
}
