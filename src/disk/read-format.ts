import type { SyncAccess } from '../tree/access.ts';
import type { DiskFormat } from './formats.ts';
import { openQcow2Access } from './qcow2-access.ts';
import { isQcow2 } from './qcow2-header.ts';
import { isVdi, openVdiAccess } from './vdi-access.ts';
import { isVhd, openVhdAccess } from './vhd-access.ts';
import { isDynamicVhd, openDynamicVhdAccess } from './vhd-dynamic-access.ts';
import { isVmdk, openVmdkAccess } from './vmdk-access.ts';

/** Formats of files in which a disk is found again. */
export type ReadFormat = Exclude<DiskFormat, 'gce' | 'ova'>;

/** Of a file, by its first bytes and its last; raw where they tell of none. */
export function formatOf(file: SyncAccess): ReadFormat {
  if (isQcow2(file)) return 'qcow2';
  if (isVmdk(file)) return 'vmdk';
  if (isVdi(file)) return 'vdi';
  if (isDynamicVhd(file)) return 'vhd-dynamic';
  return isVhd(file) ? 'vhd' : 'raw';
}

/**
 * The disk in a file of this format.
 * @throws ConvertError `DISK_UNSUPPORTED` for what is not read here, though QEMU may; `DISK_INVALID`.
 */
export async function diskIn(
  file: SyncAccess,
  path: string,
  format: ReadFormat,
): Promise<SyncAccess> {
  return await openFormat[format](file, path);
}

type Open = (file: SyncAccess, path: string) => SyncAccess | Promise<SyncAccess>;

const openFormat: Readonly<Record<ReadFormat, Open>> = {
  raw: (file) => file,
  qcow2: openQcow2Access,
  vmdk: openVmdkAccess,
  vdi: openVdiAccess,
  vhd: openVhdAccess,
  'vhd-dynamic': openDynamicVhdAccess,
};
