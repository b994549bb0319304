import type { Command } from 'commander';
import { ConvertError } from '../error.ts';
import type { GuestWishes } from '../prepare.ts';
import { parseShare, parseVolume, type ShareWish, type VolumeWish } from '../run/data-option.ts';
import { refuseShares } from '../run/firecracker-config.ts';
import type { VmmKind } from '../run/run-machine.ts';
import { collect } from './env.ts';

/** Folders of the guest that a machine brings the data of. */
export interface DataOptions {
  readonly volume?: readonly string[];
  readonly share?: readonly string[];
}

export function addDataOptions(command: Command): Command {
  return command
    .option(
      '--volume <[size:][file:]path>',
      'a folder that can be written, on an ext4 disk of its own, which is kept: 1G:/data, data.ext4:/data',
      collect,
    )
    .option(
      '--share <[folder:]path>',
      'a folder of this machine, which the guest reads: ./settings:/app/settings (repeatable)',
      collect,
    );
}

export const dataHelp = `
Data that stays: --volume gives the guest a disk of its own at PATH. It is made
with SIZE when it is not there, by mke2fs, and never removed; without FILE it
lies beside the disk, or here for an image: web.img-app-data.ext4. For a disk
that asks for more than 16G, run and create want SIZE too. OSv mounts
one, with its library for ext4 on the disk and a kernel that lets it in:
  --volume 1G:/app/data --add libext.so:/usr/lib/fs/ \\
    --add liblwext4.so:/usr/lib/
What an app does not flush (fsync) before its machine is killed is lost.
--share lets the guest read a folder of this machine by virtiofsd, in QEMU. When
that ends, the guest is ended.
A disk has to be built with both: --volume 1G:/app/data --share /app/settings.`;

export interface Data {
  readonly volumes: readonly VolumeWish[];
  readonly shares: readonly ShareWish[];
}

/** @throws ConvertError `USAGE`; also for a second volume, of which OSv's driver mounts one. */
export function dataOf({ volume = [], share = [] }: DataOptions): Data {
  const data = { volumes: volume.map(parseVolume), shares: share.map(parseShare) };
  const [first, second] = data.volumes;
  if (second !== undefined) {
    throw new ConvertError(
      'USAGE',
      `reading --volume: found ${first?.path} and ${second.path}, wanted one: OSv mounts one ext4`,
      { hint: 'put the data in folders of one volume' },
    );
  }
  const paths = [...data.volumes, ...data.shares].map(({ path }) => path);
  const twice = paths.find((path, at) => paths.indexOf(path) !== at);
  if (twice === undefined) return data;
  throw new ConvertError('USAGE', `reading --share: found ${twice} twice, wanted it once`);
}

/** As `dataOf`, for a machine that `vmm` is to run. */
export function dataFor(vmm: VmmKind, options: DataOptions): Data {
  const data = dataOf(options);
  // Told before a disk is built for it.
  if (vmm === 'firecracker') refuseShares(data.shares);
  return data;
}

/** The part of it that goes into a disk. */
export function mountWishesOf({ volumes, shares }: Data): Pick<GuestWishes, 'volumes' | 'shares'> {
  return {
    ...(volumes.length > 0 && {
      volumes: volumes.map(({ path, size }) => ({ path, ...(size !== undefined && { size }) })),
    }),
    ...(shares.length > 0 && { shares: shares.map(({ path }) => path) }),
  };
}

/** What a machine brings is named when it runs: a disk may have many. @throws ConvertError `USAGE`. */
export function refuseSources({ volumes, shares }: Data): void {
  const volume = volumes.find(({ file }) => file !== undefined);
  const share = shares.find(({ folder }) => folder !== undefined);
  const [option, found, path] =
    volume !== undefined
      ? ['--volume', volume.file, volume.path]
      : ['--share', share?.folder, share?.path];
  if (found === undefined) return;
  throw new ConvertError(
    'USAGE',
    `reading ${option}: found ${found}, wanted the folder of the guest alone: run and create name what is mounted there`,
    { hint: `${option} ${path}` },
  );
}
