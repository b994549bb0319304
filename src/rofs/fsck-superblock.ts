import type { SyncAccess } from '../tree/access.ts';
import type { Findings } from './findings.ts';
import {
  blockSize,
  decodeSuperblock,
  type RofsNumber,
  type Superblock,
  superblockFields,
  superblockSize,
} from './format.ts';
import { hasRoom, maxInfoSize, maxRecords, readHead } from './records.ts';
import type { RofsRule } from './rules.ts';

/** An inode's number is kept in an int. */
const maxInodes = 2 ** 31 - 1;

/** What can be told by the superblock alone. */
export function checkSuperblock(access: SyncAccess, findings: Findings<RofsRule>): void {
  const head = readHead(access);
  if (head.length < superblockSize || access.size < blockSize) {
    const text = `found ${access.size} bytes, wanted a superblock of ${blockSize}`;
    findings.add('superblock-size', 0, () => text);
    return;
  }
  const rules = { magic: 'magic', version: 'version', blockSize: 'block-size' } as const;
  for (const { name, offset, value, wanted } of superblockFields(head)) {
    if (wanted === undefined || value === wanted || !(name in rules)) continue;
    const text = () => `found ${hex(value)}, wanted ${hex(wanted)}`;
    findings.add(rules[name as keyof typeof rules], offset, text);
  }
  const superblock = decodeSuperblock(head);
  if (superblock === undefined) return;
  checkInfo(access, superblock, findings);
  checkCounts(superblock, findings);
}

function checkInfo(
  access: SyncAccess,
  { infoFirstBlock, infoBlocks }: Superblock,
  findings: Findings<RofsRule>,
): void {
  if (infoFirstBlock === 0) {
    findings.add('info-start', 24, () => 'found structure info in block 0, wanted it behind');
  }
  if (infoBlocks === 0) {
    findings.add('info-count', 32, () => 'found no blocks of structure info, wanted at least 1');
  }
  const end = (infoFirstBlock + infoBlocks) * blockSize;
  if (!(end <= access.size)) {
    const text = () =>
      `found structure info up to byte ${end}, wanted its end within ${access.size}`;
    findings.add('info-bounds', 24, text);
  } else if (infoBlocks * blockSize > maxInfoSize) {
    const text = () => `found ${infoBlocks * blockSize} bytes, wanted at most ${maxInfoSize}`;
    findings.add('info-size', 32, text);
  }
}

function checkCounts(superblock: Superblock, findings: Findings<RofsRule>): void {
  const { infoBlocks, entryCount, symlinkCount, inodeCount } = superblock;
  if (inodeCount === 0) {
    findings.add('root-missing', 56, () => 'found no inodes, wanted one for the root at least');
  }
  if (inodeCount > maxInodes) {
    findings.add(
      'inode-limit',
      56,
      () => `found ${inodeCount} inodes, wanted at most ${maxInodes}`,
    );
  }
  if (infoBlocks > 0 && !hasRoom(superblock)) {
    const found = `${entryCount} entries, ${symlinkCount} symlinks and ${inodeCount} inodes`;
    const room = `no more than ${infoBlocks * blockSize} bytes can hold, and ${maxRecords} in all`;
    findings.add('record-counts', 40, () => `found ${found}, wanted ${room}`);
  }
}

function hex(value: RofsNumber): string {
  return `0x${value.toString(16)}`;
}
