import type { Findings } from './findings.ts';
import { entryAt, entryInodeAt } from './format.ts';
import { type InodeTable, isDirectory } from './fsck-inodes.ts';
import type { RofsRecords } from './records.ts';
import type { RofsRule } from './rules.ts';

const maxNameLength = 255;

/** What can be told by each entry alone; gives the inodes they name. */
export function checkEntries(records: RofsRecords, findings: Findings<RofsRule>): Int32Array {
  const { entries, inodes, info, infoOffset } = records;
  const named = new Int32Array(entries.length).fill(-1);
  entries.forEach((at, index) => {
    const inode = entryInodeAt(info, at);
    if (inode >= 1 && inode <= inodes.length) named[index] = Number(inode) - 1;
    else {
      findings.add('entry-inode', infoOffset + at, () => {
        return `found an entry for inode ${inode}, wanted one of ${inodes.length}`;
      });
    }
    const rule = nameRule(nameAt(records, index));
    if (rule === undefined) return;
    findings.add(rule, infoOffset + at, () => {
      const name = nameAt(records, index);
      return rule === 'name-length'
        ? `found a name of ${name.length} bytes, wanted at most ${maxNameLength}`
        : `found the name ${JSON.stringify(name.toString('latin1').slice(0, 80))}, wanted one without NUL and slash that is not "", "." or ".."`;
    });
  });
  return named;
}

function nameRule(name: Buffer): RofsRule | undefined {
  if (name.length === 0) return 'name-empty';
  if (name[0] === dot && (name.length === 1 || (name.length === 2 && name[1] === dot))) {
    return 'name-dots';
  }
  if (name.includes(0)) return 'name-nul';
  if (name.includes(slash)) return 'name-slash';
  return name.length > maxNameLength ? 'name-length' : undefined;
}

const dot = 0x2e;
const slash = 0x2f;

/** Gives each entry to the first directory that has it; a directory ends where another one's begin. */
export function checkRanges(
  { entries, inodes, infoOffset }: RofsRecords,
  { kinds, starts, counts }: InodeTable,
  findings: Findings<RofsRule>,
): { readonly ends: Uint32Array; readonly owners: Int32Array } {
  const ends = new Uint32Array(kinds.length);
  const owners = new Int32Array(entries.length).fill(-1);
  for (let index = 0; index < kinds.length; index += 1) {
    const [start = 0, count = 0] = [starts[index], counts[index]];
    // Where an empty directory has none is anywhere.
    if (kinds[index] !== isDirectory || count === 0) continue;
    const offset = infoOffset + (inodes[index] ?? 0) + 16;
    const found = `found the entries of directory inode ${index + 1} at ${start}, ${count} of them`;
    if (!(start + count <= entries.length)) {
      findings.add('directory-bounds', offset, () => `${found}, wanted all of ${entries.length}`);
      continue;
    }
    let at = start;
    while (at < start + count && owners[at] === -1) {
      owners[at] = index;
      at += 1;
    }
    ends[index] = at;
    if (at === start + count) continue;
    const owner = (owners[at] ?? 0) + 1;
    findings.add('directory-overlap', offset, () => {
      return `${found}, of which entry ${at} is one of directory inode ${owner}, wanted its own`;
    });
  }
  return { ends, owners };
}

/** Names that one directory has twice. */
export function checkTwins(
  records: RofsRecords,
  { kinds, starts }: InodeTable,
  ends: Uint32Array,
  findings: Findings<RofsRule>,
): void {
  for (let index = 0; index < kinds.length; index += 1) {
    const [start = 0, end = 0] = [starts[index], ends[index]];
    if (kinds[index] !== isDirectory || end - start < 2) continue;
    const names = new Set<string>();
    for (let entry = start; entry < end; entry += 1) {
      const name = nameAt(records, entry).toString('latin1');
      const before = names.size;
      names.add(name);
      if (names.size > before) continue;
      findings.add('name-twice', records.infoOffset + (records.entries[entry] ?? 0), () => {
        return `found ${JSON.stringify(name.slice(0, 80))} twice in directory inode ${index + 1}, wanted it once`;
      });
    }
  }
}

/** As bytes. The entry is one that is whole. */
export function nameAt({ info, entries }: RofsRecords, entry: number): Buffer {
  const name = entryAt(info, entries[entry] ?? 0)?.name;
  return name === undefined
    ? Buffer.alloc(0)
    : Buffer.from(name.buffer, name.byteOffset, name.length);
}
