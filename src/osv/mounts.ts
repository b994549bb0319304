import { posix } from 'node:path';
import { encodeName } from '../../store/index.ts';
import { ConvertError } from '../error.ts';

/** A line of /etc/fstab. */
export interface Mount {
  /** A device, or `none`. */
  readonly source: string;
  /** Absolute, without a slash at its end. */
  readonly path: string;
  /** As OSv's table of file systems has it (fs/vfs/vfs_conf.cc). */
  readonly type: 'rofs' | 'devfs' | 'procfs' | 'sysfs' | 'ramfs';
}

/** OSv, static/etc/fstab_rofs. */
export const fixedMounts: readonly Mount[] = [
  { source: '/dev/vblk0.1', path: '/', type: 'rofs' },
  { source: 'none', path: '/dev', type: 'devfs' },
  { source: 'none', path: '/proc', type: 'procfs' },
  { source: 'none', path: '/sys', type: 'sysfs' },
  { source: 'none', path: '/tmp', type: 'ramfs' },
];

/** What the kernel keeps there cannot be hidden, nor can a folder be made in it. */
const closed = ['/dev', '/proc', '/sys'];

/** OSv reads a line into 256 bytes, and nothing behind one that is longer (libc/misc/mntent.cc). */
const pathCap = 255 - 'none  ramfs defaults 0 0\n'.length;

/** Whether `path` is `folder` or lies below it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/**
 * Reads what `--tmpfs` was given: an absolute path, its slashes put in order.
 * @throws ConvertError `USAGE`; also for docker's options behind a colon, which OSv's ramfs has not.
 */
export function parseTmpfs(text: string): string {
  const [, path, given] = /^(\/[^:]*):(.*)$/s.exec(text) ?? [];
  if (path !== undefined) {
    throw new ConvertError(
      'USAGE',
      `reading --tmpfs: found the options ${quoted(given ?? '')}, wanted a path alone: a ramfs of OSv takes none, it grows in the memory of the machine`,
      { hint: `--tmpfs ${path} --memory 2G` },
    );
  }
  return parseMountPath('--tmpfs', text);
}

/** Reads a folder of the guest to mount something at, its slashes put in order. @throws ConvertError `USAGE`. */
export function parseMountPath(option: string, text: string): string {
  const names = text.split('/').filter((name) => name !== '');
  const clean = `/${names.join('/')}`;
  const problem =
    !text.startsWith('/') || names.some((name) => name === '.' || name === '..')
      ? 'wanted an absolute path without "." and ".."'
      : obstacleAt(clean);
  if (problem === undefined) return clean;
  throw new ConvertError('USAGE', `reading ${option}: found ${quoted(text)}, ${problem}`);
}

/** What keeps OSv from mounting anything at `path`, as the end of a sentence; undefined for nothing. */
export function obstacleAt(path: string): string | undefined {
  if (path === '/') return 'wanted a folder of it: the root is the disk';
  const kernels = closed.find((folder) => isWithin(path, folder));
  if (kernels !== undefined) return `wanted a folder elsewhere: ${kernels} is the kernel's`;
  // The kernel's getmntent knows no escapes.
  if (/[\s\0]/.test(path)) return 'wanted a path without blanks, which OSv cannot mount over';
  const length = encodeName(path).length;
  return length > pathCap ? `wanted at most ${pathCap} bytes, not ${length}` : undefined;
}

/**
 * Where a ramfs is mounted besides `fixedMounts`, in the order of the table: a folder before what lies in
 * it. A folder in a ramfs is there only when something is mounted on it, so that those between two of
 * `paths` are mounted as well.
 * @param paths as `parseTmpfs` gives them.
 */
export function ramfsPaths(paths: readonly string[]): readonly string[] {
  const all = new Set(paths);
  for (const path of paths) {
    const outermost = ['/tmp', ...paths].find((one) => path !== one && isWithin(path, one));
    if (outermost === undefined) continue;
    for (let one = posix.dirname(path); isWithin(one, outermost); one = posix.dirname(one)) {
      all.add(one);
    }
  }
  all.delete('/tmp');
  return [...all].sort();
}

/** /etc/fstab: `fixedMounts`, then a ramfs at each of `ramfs`, in their order. */
export function formatFstab(ramfs: readonly string[]): Uint8Array {
  const lines = [
    ...fixedMounts.map(
      ({ source, path, type }) => `${source.padEnd(12)} ${path.padEnd(10)} ${type.padEnd(9)}`,
    ),
    ...ramfs.map((path) => `none ${path} ramfs`),
  ];
  return encodeName(lines.map((line) => `${line} defaults 0 0\n`).join(''));
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 160 ? `${text.slice(0, 160)}…` : text);
}
