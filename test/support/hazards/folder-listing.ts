import { Buffer } from 'node:buffer';
import {
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
} from 'node:fs';
import { compareNames, decodeName } from '../../../store/index.ts';
import type { Listed } from './listing.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY, S_IFMT, S_IFDIR, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO } =
  constants;

/**
 * What a folder on this machine has, in the order in which our trees are walked; owners are those of
 * the disk. Whoever runs this gives himself the rights he needs. Paths may be longer than `PATH_MAX`.
 */
export function listOfFolder(folder: string): readonly Listed[] {
  const seen = new Map<string, string>();
  const listed: Listed[] = [];
  const visit = (real: Buffer, path: string) => {
    const stats = lstatSync(real, { bigint: true });
    const inode = `${stats.dev}:${stats.ino}`;
    const same = seen.get(inode);
    if (same === undefined) seen.set(inode, path);
    const { uid, gid, mode, mtimeNs } = stats;
    listed.push({
      path,
      kind: kindOf(mode),
      mode: Number(mode) & 0o7777,
      owner: `${uid}:${gid}`,
      mtime: Number(mtimeNs) / 1e9,
      ...contentOf(real, stats),
      ...(same !== undefined && { same }),
    });
    if (stats.isDirectory()) visitNames(real, path === '/' ? '/' : `${path}/`);
  };
  const visitNames = (real: Buffer, prefix: string) => {
    chmodSync(real, 0o700);
    const opened = openSync(real, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      for (const [name, bytes] of namesIn(real)) {
        visit(Buffer.concat([Buffer.from(`/proc/self/fd/${opened}/`), bytes]), prefix + name);
      }
    } finally {
      closeSync(opened);
    }
  };
  visit(Buffer.from(folder), '/');
  return listed;
}

function namesIn(folder: Buffer): readonly (readonly [name: string, bytes: Buffer])[] {
  return readdirSync(folder, { encoding: 'buffer' })
    .map((bytes) => [decodeName(bytes), bytes] as const)
    .sort(([a], [b]) => compareNames(a, b));
}

const kinds = new Map([
  [S_IFDIR, 'd'],
  [S_IFLNK, 'l'],
  [S_IFCHR, 'c'],
  [S_IFBLK, 'b'],
  [S_IFIFO, 'p'],
]);

function kindOf(mode: bigint): string {
  return kinds.get(Number(mode) & S_IFMT) ?? '-';
}

function contentOf(
  path: Buffer,
  stats: BigIntStats,
): Pick<Listed, 'content' | 'target' | 'device'> {
  if (stats.isSymbolicLink()) {
    return { target: decodeName(readlinkSync(path, { encoding: 'buffer' })) };
  }
  if (stats.isFile()) {
    if ((stats.mode & 0o400n) === 0n) chmodSync(path, 0o600);
    return { content: readFileSync(path) };
  }
  if (!stats.isCharacterDevice() && !stats.isBlockDevice()) return {};
  const device = Number(stats.rdev);
  return { device: `${(device >> 8) & 0xfff},${(device & 0xff) | ((device >> 12) & 0xfff00)}` };
}
