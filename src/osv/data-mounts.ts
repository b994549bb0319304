import { type LoaderOption, parseCommandLine } from './command-line-parse.ts';
import { isWithin } from './mounts.ts';

/**
 * A file system besides the root, which the machine is given. OSv mounts it for `--mount-fs`, and so unmounts
 * it when it powers off; what /etc/fstab has it only mounts, and ext4 then loses what was not flushed
 * (fs/vfs/main.cc, `vfs_exit`).
 */
export interface DataMount {
  /** As OSv's table of file systems has it (fs/vfs/vfs_conf.cc). */
  readonly fileSystem: 'ext' | 'virtiofs';
  readonly device: string;
  /** Absolute. */
  readonly path: string;
}

/**
 * The volume is the disk behind that of the system. There is one at most, for OSv's ext4 knows one device
 * (modules/libext/ext_vfsops.cc, `ext_fs`).
 */
export function dataMounts(
  volumes: readonly string[],
  shares: readonly string[],
): readonly DataMount[] {
  const mount =
    (fileSystem: DataMount['fileSystem'], device: string) => (path: string, at: number) =>
      ({ fileSystem, device: `${device}${fileSystem === 'ext' ? at + 1 : at}`, path }) as const;
  return [
    ...volumes.map(mount('ext', '/dev/vblk')),
    ...shares.map(mount('virtiofs', '/dev/virtiofs')),
  ];
}

/** What of a path keeps it from standing in `--mount-fs`, as the end of a sentence. */
export function dataObstacleAt(path: string): string | undefined {
  if (path.includes(',')) return 'wanted a path without commas, at which OSv cuts it';
  return isWithin(path, '/tmp')
    ? 'wanted a folder elsewhere: /tmp is in the memory of the machine'
    : undefined;
}

/** The value of `--mount-fs` (loader.cc, `parse_options`). */
export function formatDataMount({ fileSystem, device, path }: DataMount): string {
  return `${fileSystem},${device},${path}`;
}

/** What a command line mounts, as far as it is of these kinds; one that OSv cannot read mounts nothing. */
export function dataMountsOf(commandLine: Uint8Array): readonly DataMount[] {
  const parsed = parseCommandLine(commandLine);
  return 'reason' in parsed ? [] : parsed.options.flatMap(mountOf);
}

function mountOf({ name, value = '' }: LoaderOption): readonly DataMount[] {
  const [, fileSystem, device, path] =
    /^(ext|virtiofs),(\/dev\/[a-z]+\d+),(\/[^,]+)$/.exec(value) ?? [];
  if (name !== 'mount-fs' || device === undefined || path === undefined) return [];
  return [{ fileSystem: fileSystem === 'ext' ? 'ext' : 'virtiofs', device, path }];
}
