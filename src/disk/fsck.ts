import { commandLineFault } from '../osv/command-line-fault.ts';
import {
  commandLineOffset,
  countOffset,
  countUnit,
  kernelOffset,
  maxCommandLine,
} from '../osv/loader-layout.ts';
import { createFindings, type Findings, type FsckFinding } from '../rofs/findings.ts';
import { isRofs, superblockSize } from '../rofs/format.ts';
import { fsckRofs, type RofsFinding } from '../rofs/fsck.ts';
import type { SyncAccess } from '../tree/access.ts';
import { type DiskRule, diskRules } from './fsck-rules.ts';
import {
  hasBootCode,
  hasBootSignature,
  type Partition,
  type Slot,
  sectorSize,
  slotsIn,
} from './mbr.ts';
import { partOf } from './part.ts';

export type DiskFinding = FsckFinding<DiskRule>;

/** What was looked at, and what was found; offsets are in bytes from the start of the disk. */
export interface DiskCheck {
  readonly kind: 'disk' | 'rofs';
  /** Whether there is a kernel on the disk, that a BIOS can start. */
  readonly boot: 'bios' | 'direct' | undefined;
  /** Where the ROFS begins; undefined where none was found. */
  readonly rofsOffset: number | undefined;
  readonly findings: readonly (DiskFinding | RofsFinding)[];
}

/**
 * Everything on a disk for OSv, or in a ROFS alone, that contradicts itself or that OSv cannot use: the boot
 * sector, the command line, the kernel's place, the partition of the root, and the ROFS in it.
 *
 * @param disk raw: as a machine sees it.
 * @throws what `disk.read` does.
 */
export function fsckDisk(disk: SyncAccess): DiskCheck {
  const head = Buffer.from(disk.read(0, sectorSize));
  if (isRofs(head)) {
    return { kind: 'rofs', boot: undefined, rofsOffset: 0, findings: fsckRofs(disk) };
  }
  const findings = createFindings(diskRules);
  if (head.length < sectorSize || !hasBootSignature(head)) {
    const text = `found ${head.length < sectorSize ? `${head.length} bytes` : 'none'}, wanted a first sector that ends in 55 aa, or a ROFS`;
    findings.add('boot-signature', sectorSize - 2, () => text);
    return { kind: 'disk', boot: undefined, rofsOffset: undefined, findings: findings.list() };
  }
  const slots = slotsIn(head);
  const root = checkRoot(disk, slots, findings);
  const isBios = hasBootCode(head);
  if (isBios) {
    const end = checkKernel(disk, head, findings);
    checkCommandLine(disk, findings);
    if (root && root.offset < end) {
      const text = `found the partition at byte ${root.offset}, wanted it behind byte ${end}`;
      findings.add('partition-kernel', (slots[1]?.at ?? 0) + 8, () => text);
    }
  }
  const boot = isBios ? 'bios' : 'direct';
  const rofs = root && partOf(disk, root);
  if (!rofs || !isRofs(rofs.read(0, superblockSize))) {
    if (root) findings.add('partition-rofs', root.offset, () => 'found no ROFS, wanted one');
    return { kind: 'disk', boot, rofsOffset: undefined, findings: findings.list() };
  }
  const inside = fsckRofs(rofs).map((one) => {
    return one.offset === undefined ? one : { ...one, offset: one.offset + root.offset };
  });
  return { kind: 'disk', boot, rofsOffset: root.offset, findings: [...findings.list(), ...inside] };
}

/** The partition of the root, as much of it as is there; undefined where OSv finds none. */
function checkRoot(
  disk: SyncAccess,
  slots: readonly Slot[],
  findings: Findings<DiskRule>,
): Partition | undefined {
  const slot = slots[1];
  if (!slot || slot.type === 0 || slot.partition.size === 0) {
    const text = 'found nothing in the second slot, wanted the partition of the root';
    findings.add('partition-missing', slot?.at, () => text);
    return undefined;
  }
  const { at, startSector, partition } = slot;
  if (startSector === 0) {
    findings.add('partition-chs', at + 2, () => 'found 0, wanted 1 to 63');
  }
  if (partition.offset === 0) {
    findings.add('partition-start', at + 8, () => 'found the partition at 0, wanted it behind');
    return undefined;
  }
  const end = partition.offset + partition.size;
  if (end > disk.size) {
    const text = `found the partition up to byte ${end}, wanted its end within ${disk.size}`;
    findings.add('partition-bounds', at + 8, () => text);
  }
  for (const other of slots) {
    const { offset, size } = other.partition;
    if (other === slot || other.type === 0 || offset >= end) continue;
    if (offset + size <= partition.offset) continue;
    const text = `found bytes ${offset} to ${offset + size}, wanted none of ${partition.offset} to ${end}`;
    findings.add('partition-overlap', other.at + 8, () => text);
  }
  const size = Math.max(0, Math.min(partition.size, disk.size - partition.offset));
  return { offset: partition.offset, size };
}

/** Where the kernel ends, or the command line where there is none. */
function checkKernel(disk: SyncAccess, head: Buffer, findings: Findings<DiskRule>): number {
  const count = head.readUInt16LE(countOffset);
  const end = kernelOffset + count * countUnit;
  if (count === 0 || end > disk.size) {
    const text = `found ${count} pieces, up to byte ${end}, wanted at least 1, and all within ${disk.size}`;
    findings.add('kernel-count', countOffset, () => text);
    return commandLineOffset + maxCommandLine + 1;
  }
  const magic = Buffer.from(disk.read(kernelOffset, 4));
  if (magic.toString('latin1') !== '\x7fELF') {
    findings.add('kernel-format', kernelOffset, () => {
      return `found ${magic.toString('hex')}, wanted an ELF`;
    });
  }
  return end;
}

function checkCommandLine(disk: SyncAccess, findings: Findings<DiskRule>): void {
  const area = disk.read(commandLineOffset, maxCommandLine + 1);
  const length = area.indexOf(0);
  if (length === -1) {
    const text = `found no NUL in ${area.length} bytes, wanted one at the end of the command line`;
    findings.add('command-line-end', commandLineOffset, () => text);
    return;
  }
  const fault = commandLineFault(area.subarray(0, length));
  if (fault === undefined) return;
  const offset = commandLineOffset + fault.offset;
  if (fault.kind === 'empty') {
    findings.add('command-line-empty', offset, () => 'found no program, wanted one to run');
  } else {
    findings.add('command-line-parse', offset, () => `found ${fault.found}, wanted ASCII words`);
  }
}
