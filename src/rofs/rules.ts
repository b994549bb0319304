import type { Rule } from './findings.ts';

const error = (why: string): Rule => ({ severity: 'error', why });
const warning = (why: string): Rule => ({ severity: 'warning', why });

/** What `fsckRofs` looks for, and what OSv does where it meets it. Files are those of OSv's tree. */
export const rofsRules = {
  // The superblock
  'superblock-size': error('block 0 is read whole (rofs_vfsops.cc, rofs_mount)'),
  magic: error('rofs_mount refuses it (rofs_vfsops.cc)'),
  version: error('rofs_mount refuses all but 1 (rofs_vfsops.cc)'),
  'block-size': error(
    'reads count in blocks of 512 bytes, the cache in those of the superblock (rofs_common.cc, rofs_cache.cc)',
  ),
  'info-start': error('structure info would begin in the superblock (rofs_vfsops.cc)'),
  'info-count': error('rofs_mount refuses structure info of no blocks (rofs_vfsops.cc)'),
  'info-bounds': error('rofs_mount reads it whole, and the read fails (rofs_vfsops.cc)'),
  'info-size': error(
    'rofs_mount reads it whole into memory that lies in one piece; so large a one is not looked at here',
  ),
  'record-counts': error(
    'rofs_mount refuses tables that end behind the structure info; older kernels read on (rofs_vfsops.cc)',
  ),
  'inode-limit': error('a lookup keeps an inode number in an int (rofs_vnops.cc, rofs_lookup)'),
  // The tables
  'entry-cut': error('rofs_mount refuses a table of entries that is cut off (rofs_vfsops.cc)'),
  'symlink-cut': error('rofs_mount refuses a table of symlinks that is cut off (rofs_vfsops.cc)'),
  'inode-cut': error('rofs_mount refuses a table of inodes that is cut off (rofs_vfsops.cc)'),
  'info-padding': warning('nobody reads it'),
  trailing: warning('nobody reads it'),
  'info-not-last': warning('it is read, but no generator writes it so'),
  // Inodes
  'root-missing': error('inode 1 is the root, and is used unseen (rofs_vfsops.cc)'),
  'root-kind': error('the root is looked up as a directory (rofs_vnops.cc, rofs_lookup)'),
  'inode-number': error(
    'the cache tells files by this number: two of one number have the bytes of one (rofs_cache.cc)',
  ),
  'inode-kind': error('it has no type, and nothing can be done with it (rofs_common.cc)'),
  'mode-bits': warning('everything has the mode 0555 (rofs_vnops.cc, rofs_getattr)'),
  'inode-orphan': warning('no path leads to it'),
  // Data of files
  'data-start': error('block 0 is the superblock (rofs.hh)'),
  'data-bounds': error('reads behind the end of the partition fail (rofs_common.cc)'),
  'data-in-info': error('the file would hold names and inodes'),
  'data-overlap': error(
    'files share all of their blocks or none: one of them has the bytes of another',
  ),
  'data-padding': warning(
    'the rest of a last block is set to zero when it is read (rofs_cache.cc)',
  ),
  'data-unused': warning('no file has these blocks'),
  // Directories and names
  'directory-bounds': error('lookup and readdir end where the table does (rofs_vnops.cc)'),
  'directory-overlap': error('a name is in one directory'),
  'directory-loop': error('a path through it has no end'),
  'directory-names': error('a directory has one parent'),
  'directory-stray': error('directories hold one another, and the root holds none of them'),
  'entry-inode': error('a lookup of the name fails with EIO (rofs_vnops.cc, rofs_lookup)'),
  'entry-orphan': warning('no directory has this name'),
  'name-empty': error('a lookup of no name fails (rofs_vnops.cc, rofs_lookup)'),
  'name-dots': error('readdir makes "." and ".." itself (rofs_vnops.cc, rofs_readdir)'),
  'name-slash': error('a path is cut at each slash (vfs_lookup.cc, namei)'),
  'name-nul': error('a name ends with its first NUL (rofs_vfsops.cc, strncpy)'),
  'name-twice': error('a lookup finds the first (rofs_vnops.cc, rofs_lookup)'),
  // Symlinks
  'symlink-bounds': error('reading the link fails with EIO (rofs_vnops.cc, rofs_readlink)'),
  'symlink-count': warning('nobody reads it'),
  'symlink-empty': error('a link that leads nowhere cannot be followed (vfs_lookup.cc)'),
  'symlink-nul': error('a target ends with its first NUL (rofs_vfsops.cc, strncpy)'),
  'symlink-orphan': warning('no inode has this target'),
  // Limits
  'name-length': warning('readdir cuts names to 255 bytes (rofs_vnops.cc, d_name)'),
  'path-length': warning('PATH_MAX is 4096 with the NUL: it cannot be opened (vfs_lookup.cc)'),
  'target-length': warning('a target is read up to 4095 bytes (vfs_lookup.cc, namei_follow_link)'),
  'link-depth': warning('the 20th link on a path is ELOOP (vfs_lookup.cc, MAXSYMLINKS)'),
  'root-link': warning(
    'a relative link in the root cannot be followed: ENOTDIR (vfs_lookup.cc, namei_follow_link)',
  ),
  'info-memory': warning(
    'all names, targets and inodes stay in memory, and mounting wants structure info in one piece (rofs_vfsops.cc)',
  ),
} as const satisfies Readonly<Record<string, Rule>>;

export type RofsRule = keyof typeof rofsRules;
