import { shellWord } from '../shell-word.ts';
import { unsupportedDisk } from './disk-error.ts';
import { openFileAccess } from './file-access.ts';
import { isQcow2 } from './qcow2-header.ts';

/** QEMU, docs/interop/qcow2.txt: `nb_snapshots`. */
const countOffset = 60;

/**
 * Refuses a qcow2 file with snapshots, which are lost where it is written again.
 * @throws ConvertError `DISK_UNSUPPORTED`; `USAGE`, `ACCESS_DENIED`.
 */
export function refuseSnapshots(path: string): void {
  const file = openFileAccess(path);
  try {
    if (!isQcow2(file)) return;
    const count = Buffer.from(file.read(countOffset, 4)).readUInt32BE();
    if (count === 0) return;
    const hint = `qemu-img snapshot -l ${shellWord(path)}`;
    throw unsupportedDisk(path, `${count} snapshots, which would be lost`, 'a disk without', hint);
  } finally {
    file.close();
  }
}
