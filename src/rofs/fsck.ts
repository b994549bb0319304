import type { SyncAccess } from '../tree/access.ts';
import { createFindings, type Findings, type FsckFinding } from './findings.ts';
import { checkData } from './fsck-data.ts';
import { checkDirectories } from './fsck-directories.ts';
import { checkInodes, type InodeTable } from './fsck-inodes.ts';
import { checkLinks } from './fsck-links.ts';
import { checkSuperblock } from './fsck-superblock.ts';
import { residentSize } from './memory.ts';
import { type RofsRecords, readRecords } from './records.ts';
import { type RofsRule, rofsRules } from './rules.ts';

export type RofsFinding = FsckFinding<RofsRule>;

/** In bytes: of a machine of 256 MiB, the least that .NET runs in, more than it can spare. */
const muchMemory = 16 * 2 ** 20;

/**
 * Everything in a ROFS that contradicts itself (errors) or that OSv takes otherwise than is meant
 * (warnings), each with its place: none in one that was written by this tool. What a broken part leads to
 * is not looked at, so that one fault is not told many times. The work is linear in the size of structure
 * info and the number of files, of whose data only the padding is read.
 *
 * @throws what `access.read` does.
 */
export function fsckRofs(access: SyncAccess): readonly RofsFinding[] {
  const findings = createFindings(rofsRules);
  checkSuperblock(access, findings);
  const records = readRecords(access);
  if (records?.cut) addCut(records, records.cut, findings);
  else if (records) checkRecords(access, records, findings);
  return findings.list();
}

function addCut(
  { infoOffset, end, entries, symlinks, inodes, superblock }: RofsRecords,
  cut: 'entry' | 'symlink' | 'inode',
  findings: Findings<RofsRule>,
): void {
  const { entryCount, symlinkCount, inodeCount } = superblock;
  const [whole, count] = {
    entry: [entries.length, entryCount],
    symlink: [symlinks.length, symlinkCount],
    inode: [inodes.length, inodeCount],
  }[cut];
  const text = () => `found ${whole} whole records, wanted ${count}`;
  findings.add(`${cut}-cut`, infoOffset + end, text);
}

function checkRecords(
  access: SyncAccess,
  records: RofsRecords,
  findings: Findings<RofsRule>,
): void {
  const inodes: InodeTable = checkInodes(records, findings);
  checkData(access, records, inodes, findings);
  const folders = checkDirectories(records, inodes, findings);
  checkLinks(records, inodes, folders, findings);
  const memory = residentSize(records);
  if (memory > muchMemory) {
    const text = `found ${memory} bytes of names, targets and inodes, wanted at most ${muchMemory}`;
    findings.add('info-memory', records.infoOffset, () => text);
  }
}
