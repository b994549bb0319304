import type { Findings } from './findings.ts';
import { checkEntries, checkRanges, checkTwins, nameAt } from './fsck-entries.ts';
import { type InodeTable, isDirectory, isSymlink } from './fsck-inodes.ts';
import type { RofsRecords } from './records.ts';
import type { RofsRule } from './rules.ts';

/** What the sound part of the directories is. Inodes are told by the indexes of their records. */
export interface Folders {
  /** Behind the last entry of a directory; of an entry, its inode, -1 for none. */
  readonly ends: Uint32Array;
  readonly named: Int32Array;
  /** Of a directory that the root leads to: the entry that names it, and the directory it is in; -1 for the root. */
  readonly entryOf: Int32Array;
  readonly parentOf: Int32Array;
  /** Entries that are names of symlinks, each with its directory. */
  readonly links: readonly { readonly entry: number; readonly directory: number }[];
}

const maxPathLength = 4095;

/** Names, and how directories hang together. */
export function checkDirectories(
  records: RofsRecords,
  table: InodeTable,
  findings: Findings<RofsRule>,
): Folders {
  const { kinds } = table;
  const { entries, infoOffset, inodes } = records;
  const named = checkEntries(records, findings);
  const { ends, owners } = checkRanges(records, table, findings);
  checkTwins(records, table, ends, findings);

  const entryOf = new Int32Array(kinds.length).fill(-1);
  const parentOf = new Int32Array(kinds.length).fill(-1);
  const links: { entry: number; directory: number }[] = [];
  const states = new Uint8Array(kinds.length);

  /** Depth first, without recursion: the depth is the image's. */
  function walk(top: number): void {
    const stack = [{ directory: top, next: table.starts[top] ?? 0, length: 0 }];
    states[top] = open;
    for (let frame = stack.at(-1); frame; frame = stack.at(-1)) {
      const { directory } = frame;
      // Where an empty directory begins may be no number.
      if (!(frame.next < (ends[directory] ?? 0))) {
        states[directory] = closed;
        stack.pop();
        continue;
      }
      const entry = frame.next;
      frame.next += 1;
      const length = frame.length + 1 + nameAt(records, entry).length;
      if (length > maxPathLength) {
        const text = () => `found a path of ${length} bytes, wanted at most ${maxPathLength}`;
        findings.add('path-length', infoOffset + (entries[entry] ?? 0), text);
      }
      const child = named[entry] ?? -1;
      if (child < 0) continue;
      if (kinds[child] === isSymlink) links.push({ entry, directory });
      if (kinds[child] !== isDirectory) continue;
      if (states[child] === unseen) {
        states[child] = open;
        entryOf[child] = entry;
        parentOf[child] = directory;
        stack.push({ directory: child, next: table.starts[child] ?? 0, length });
      } else addSecondName(entry, child);
    }
  }

  function addSecondName(entry: number, child: number): void {
    const isLoop = states[child] === open;
    findings.add(
      isLoop ? 'directory-loop' : 'directory-names',
      infoOffset + (entries[entry] ?? 0),
      () =>
        isLoop
          ? `found directory inode ${child + 1} below itself, wanted it in one directory`
          : `found a second name of directory inode ${child + 1}, wanted one`,
    );
  }

  if (kinds[0] === isDirectory) walk(0);
  // Those of directories that nothing leads to are met below, and not followed.
  const folders = { ends, named, entryOf, parentOf, links: [...links] };
  if (hidesNames(findings)) return folders;

  const hasName = new Uint8Array(kinds.length);
  owners.forEach((owner, entry) => {
    const child = named[entry] ?? -1;
    if (owner >= 0 && child >= 0) hasName[child] = 1;
    if (owner >= 0) return;
    const text = () =>
      `found an entry of no directory, for inode ${child + 1}, wanted one that has it`;
    findings.add('entry-orphan', infoOffset + (entries[entry] ?? 0), text);
  });
  const offsetOf = (index: number) => infoOffset + (inodes[index] ?? 0);
  for (let index = 1; index < kinds.length; index += 1) {
    if (hasName[index] === 1) continue;
    findings.add('inode-orphan', offsetOf(index), () => {
      return `found no name of inode ${index + 1}, wanted one`;
    });
    if (kinds[index] === isDirectory && states[index] === unseen) walk(index);
  }
  for (let index = 1; index < kinds.length; index += 1) {
    if (kinds[index] !== isDirectory || states[index] !== unseen) continue;
    findings.add('directory-stray', offsetOf(index), () => {
      return `found directory inode ${index + 1} below itself only, wanted it below the root`;
    });
  }
  return folders;
}

const unseen = 0;
const open = 1;
const closed = 2;

/** What was found that explains names and inodes of nobody. */
function hidesNames(findings: Findings<RofsRule>): boolean {
  return (
    ['root-kind', 'inode-kind', 'entry-inode', 'directory-bounds', 'directory-overlap'] as const
  ).some(findings.has);
}
