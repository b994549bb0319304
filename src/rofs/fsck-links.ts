import type { Findings } from './findings.ts';
import { symlinkAt } from './format.ts';
import type { Folders } from './fsck-directories.ts';
import { nameAt } from './fsck-entries.ts';
import { type InodeTable, isDirectory, isSymlink } from './fsck-inodes.ts';
import type { RofsRecords } from './records.ts';
import type { RofsRule } from './rules.ts';

const maxTargetLength = 4095;

/** OSv, fs/vfs/vfs_lookup.cc: the link that makes it so many is not followed. */
const maxLinks = 20;

/** Steps from name to name in all: a few kilobytes can have paths that take for ever. */
const maxSteps = 4_000_000;

/** Targets, and where they lead. */
export function checkLinks(
  records: RofsRecords,
  table: InodeTable,
  folders: Folders,
  findings: Findings<RofsRule>,
): void {
  checkTargets(records, table, findings);
  const { infoOffset, entries } = records;
  const resolver = createResolver(records, table, folders);
  for (const { entry, directory } of folders.links) {
    const offset = infoOffset + (entries[entry] ?? 0);
    const target = resolver.targetOf(folders.named[entry] ?? -1);
    if (target === undefined || target === '') continue;
    if (directory === 0 && !target.startsWith('/')) {
      const shown = JSON.stringify(target.slice(0, 80));
      findings.add('root-link', offset, () => `found the target ${shown}, wanted an absolute one`);
    }
    const end = resolver.follow(directory, entry);
    if (end === 'deep') {
      findings.add('link-depth', offset, () => `found ${maxLinks} links to follow, wanted fewer`);
    }
    if (end === 'tired') {
      const text = () => `found links that take more than ${maxSteps} steps, wanted fewer`;
      findings.add('link-depth', offset, text);
      return;
    }
  }
}

function checkTargets(
  { info, infoOffset, symlinks }: RofsRecords,
  { kinds, starts }: InodeTable,
  findings: Findings<RofsRule>,
): void {
  const used = new Uint8Array(symlinks.length);
  kinds.forEach((kind, index) => {
    if (kind === isSymlink) used[starts[index] ?? 0] = 1;
  });
  symlinks.forEach((at, index) => {
    const target = symlinkAt(info, at);
    const offset = infoOffset + at;
    if (target === undefined) return;
    if (used[index] === 0 && !findings.has('symlink-bounds') && !findings.has('inode-kind')) {
      findings.add('symlink-orphan', offset, () => 'found a target of no inode, wanted one');
    }
    if (target.length === 0)
      findings.add('symlink-empty', offset, () => 'found no target, wanted one');
    if (target.includes(0)) findings.add('symlink-nul', offset, () => 'found a NUL, wanted none');
    if (target.length > maxTargetLength) {
      findings.add('target-length', offset, () => {
        return `found a target of ${target.length} bytes, wanted at most ${maxTargetLength}`;
      });
    }
  });
}

/** Follows links as the kernel does: `..` takes away what is before it, whatever that leads to. */
function createResolver(
  { info, symlinks, ...rest }: RofsRecords,
  { kinds, starts }: InodeTable,
  { ends, named, entryOf, parentOf }: Folders,
) {
  const records = { info, symlinks, ...rest };
  const children = new Map<number, ReadonlyMap<string, number>>();
  let steps = 0;

  function childrenOf(directory: number): ReadonlyMap<string, number> {
    const known = children.get(directory);
    if (known) return known;
    const made = new Map<string, number>();
    const end = ends[directory] ?? 0;
    for (let entry = starts[directory] ?? 0; entry < end; entry += 1) {
      const name = textOf(nameAt(records, entry));
      if (!made.has(name)) made.set(name, named[entry] ?? -1);
    }
    children.set(directory, made);
    return made;
  }

  /** Names from the root on. */
  function pathOf(directory: number, entry: number): string[] {
    const names = [textOf(nameAt(records, entry))];
    for (let at = directory; (entryOf[at] ?? -1) >= 0; at = parentOf[at] ?? 0) {
      names.push(textOf(nameAt(records, entryOf[at] ?? 0)));
      steps += 1;
    }
    return names.reverse();
  }

  function targetOf(inode: number): string | undefined {
    const at = kinds[inode] === isSymlink ? symlinks[starts[inode] ?? 0] : undefined;
    const target = at === undefined ? undefined : symlinkAt(info, at);
    return target && textOf(target);
  }

  /** What comes of the path of an entry: `deep` for too many links, `tired` when all steps are used up. */
  function follow(directory: number, entry: number): 'end' | 'deep' | 'tired' {
    let path = pathOf(directory, entry);
    for (let links = 0; links < maxLinks; ) {
      const link = firstLink(path);
      if (steps > maxSteps) return 'tired';
      if (link === undefined) return 'end';
      links += 1;
      path = [...link.before, ...link.after];
      steps += path.length;
    }
    return 'deep';
  }

  /** The first link on a path: what is before it with what it leads to, and what is behind it. */
  function firstLink(path: readonly string[]) {
    let inode = 0;
    for (let at = 0; at < path.length; at += 1) {
      steps += 1;
      const child =
        kinds[inode] === isDirectory ? childrenOf(inode).get(path[at] ?? '') : undefined;
      if (child === undefined || child < 0) return undefined;
      const target = targetOf(child);
      if (target !== undefined) {
        const base = target.startsWith('/') ? [] : path.slice(0, at);
        return { before: joined(base, target), after: path.slice(at + 1) };
      }
      inode = child;
    }
    return undefined;
  }

  return { follow, targetOf };
}

function joined(base: readonly string[], target: string): string[] {
  const names = [...base];
  for (const name of target.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return names;
}

/** A character for each byte, so that names are compared by their bytes. */
function textOf(bytes: Buffer): string {
  return bytes.toString('latin1');
}
