import { realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConvertError } from './error.ts';
import { type DataMount, dataMounts, dataMountsOf, formatDataMount } from './osv/data-mounts.ts';
import { type PlannedVolume, planVolume } from './plan-volume.ts';
import type { ShareWish, VolumeWish } from './run/data-option.ts';
import { inspectDisk } from './run/inspect-disk.ts';
import type { Share } from './run/machine.ts';
import { type CheckVolumeOptions, checkVolume } from './run/volume-check.ts';
import { makeVolume } from './run/volume-file.ts';
import { shellWord } from './shell-word.ts';

/** What a machine brings of what the guest on its disk mounts, each in the order of the devices. */
export interface MachineData {
  readonly volumes: readonly PlannedVolume[];
  readonly shares: readonly Share[];
}

export interface DataWishes {
  readonly volumes?: readonly VolumeWish[];
  readonly shares?: readonly ShareWish[];
  /**
   * Of a disk that was built for these wishes: the beginning of the names of volumes that are not named. The
   * wishes are then taken in their order, for links in their paths were followed. The disk's path when absent.
   */
  readonly base?: string;
}

/**
 * What a machine of the disk at `disk` is to bring. A volume that nobody named is the file beside the disk, and
 * stays there for the next machine; it is made where the disk, or the wish, says its size. Nothing is written.
 * @throws ConvertError `USAGE` for a wish that the disk does not mount, and for what it mounts and nobody
 * brings; `DISK_UNSUPPORTED` for what no machine brings; as `inspectDisk`.
 */
export async function planData(
  disk: string,
  { volumes = [], shares = [], base }: DataWishes,
): Promise<MachineData> {
  const { commandLine, volumeSizes = new Map<string, number>() } = await inspectDisk(disk);
  const mounts = commandLine === undefined ? [] : dataMountsOf(commandLine);
  requireDevices(mounts, disk);
  if (base === undefined) {
    refuseUnmounted('--volume', 'ext', mounts, volumes, disk);
    refuseUnmounted('--share', 'virtiofs', mounts, shares, disk);
  }
  const wishFor = <Wish extends { readonly path: string }>(
    wishes: readonly Wish[],
    path: string,
    at: number,
  ): Wish | undefined =>
    base === undefined ? wishes.find((one) => one.path === path) : wishes[at];
  return {
    volumes: pathsOf(mounts, 'ext').map((path, at) =>
      planVolume(path, wishFor(volumes, path, at), volumeSizes.get(path), base ?? resolve(disk)),
    ),
    shares: pathsOf(mounts, 'virtiofs').map((path, at) => ({
      folder: planShare(path, wishFor(shares, path, at)?.folder),
      socket: `share${at}.socket`,
    })),
  };
}

/**
 * Makes the volumes that are not there, and sees to the others.
 * @throws ConvertError `OUTPUT_UNUSABLE`, `OUTPUT_FULL`; the signal's reason.
 */
export async function readyVolumes(
  volumes: readonly PlannedVolume[],
  { onMade, ...options }: CheckVolumeOptions & { readonly onMade?: (one: PlannedVolume) => void },
): Promise<void> {
  for (const volume of volumes) {
    const { file, size } = volume;
    if (size === undefined) await checkVolume(file, options);
    else {
      await makeVolume(file, size, options.env, options.signal);
      onMade?.(volume);
    }
  }
}

function pathsOf(mounts: readonly DataMount[], kind: DataMount['fileSystem']): readonly string[] {
  return mounts.flatMap(({ fileSystem, path }) => (fileSystem === kind ? [path] : []));
}

/** A disk may be anyone's, and decides neither how many files are made for it nor which device is which. */
function requireDevices(mounts: readonly DataMount[], disk: string): void {
  const of = (kind: DataMount['fileSystem']): readonly DataMount[] =>
    mounts.filter(({ fileSystem }) => fileSystem === kind);
  const brought = dataMounts(pathsOf(mounts, 'ext').slice(0, 1), pathsOf(mounts, 'virtiofs'));
  const known = brought.map(formatDataMount);
  const wanted = [...of('ext'), ...of('virtiofs')].map(formatDataMount);
  const vain = wanted.find((one, at) => one !== known[at]);
  if (vain === undefined) return;
  throw new ConvertError(
    'DISK_UNSUPPORTED',
    `planning what ${disk} mounts: found ${JSON.stringify(vain)}, wanted at most one volume, of /dev/vblk1, and shares in the order of their devices, from /dev/virtiofs0 on`,
    { hint: `osv-convert build REF -o ${shellWord(disk)}` },
  );
}

function planShare(path: string, folder: string | undefined): string {
  const place = folder === undefined ? undefined : directoryAt(folder);
  if (place !== undefined) return place;
  throw new ConvertError(
    'USAGE',
    `planning the share ${path}: found no folder${folder === undefined ? '' : ` ${folder}`} for it, wanted one of this host`,
    { hint: `--share FOLDER:${shellWord(path)}` },
  );
}

/** QEMU's virtiofsd takes no link. Undefined for what is no folder, or cannot be looked at. */
function directoryAt(path: string): string | undefined {
  try {
    const place = realpathSync(path);
    return statSync(place).isDirectory() ? place : undefined;
  } catch {
    return undefined;
  }
}

function refuseUnmounted(
  option: string,
  kind: DataMount['fileSystem'],
  mounts: readonly DataMount[],
  wishes: readonly { readonly path: string }[],
  disk: string,
): void {
  const paths = pathsOf(mounts, kind);
  const vain = wishes.find(({ path }) => !paths.includes(path));
  if (vain === undefined) return;
  const found = paths.length === 0 ? 'none' : paths.join(', ');
  throw new ConvertError(
    'USAGE',
    `reading ${option} ${vain.path}: found that the disk mounts ${found}, wanted what was built in`,
    { hint: `osv-convert build REF -o ${shellWord(disk)} ${option} ${vain.path}` },
  );
}
