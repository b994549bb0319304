import type { SyncAccess } from '../tree/access.ts';
import type { Findings } from './findings.ts';
import { blockSize, blocksOf } from './format.ts';
import { type InodeTable, isFile } from './fsck-inodes.ts';
import { bytesOf, type RofsRecords } from './records.ts';
import type { RofsRule } from './rules.ts';

/** Bytes behind structure info that are looked at: the partition of a disk may be as large as one likes. */
const trailingReach = 2 ** 20;

/** Where the data of files lie, and what fills the room between them. */
export function checkData(
  access: SyncAccess,
  records: RofsRecords,
  table: InodeTable,
  findings: Findings<RofsRule>,
): void {
  const placed = checkPlaces(access, records, table, findings);
  checkSharing(records, table, placed, findings);
  checkPadding(access, table, placed, findings);
  checkInfoPadding(access, records, findings);
}

/** The inodes of files whose data are where data may be, by the indexes of their records, ascending by place. */
function checkPlaces(
  access: SyncAccess,
  { superblock, inodes, infoOffset }: RofsRecords,
  { kinds, starts, counts }: InodeTable,
  findings: Findings<RofsRule>,
): Uint32Array {
  const { infoFirstBlock, infoBlocks } = superblock;
  const placed = new Uint32Array(kinds.length);
  let length = 0;
  for (let index = 0; index < kinds.length; index += 1) {
    const [start = 0, size = 0] = [starts[index], counts[index]];
    // Where an empty file has no data is anywhere.
    if (kinds[index] !== isFile || size === 0) continue;
    const offset = infoOffset + (inodes[index] ?? 0) + 16;
    const found = `found the data of inode ${index + 1} at block ${start}, ${size} bytes`;
    const end = start + blocksOf(size);
    if (start === 0) {
      findings.add('data-start', offset, () => `${found}, wanted them behind block 0`);
    } else if (!(end * blockSize <= access.size)) {
      findings.add('data-bounds', offset, () => `${found}, wanted all within ${access.size}`);
    } else if (start < infoFirstBlock + infoBlocks && end > infoFirstBlock) {
      const wanted = `wanted none in blocks ${infoFirstBlock} to ${infoFirstBlock + infoBlocks - 1}`;
      findings.add('data-in-info', offset, () => `${found}, ${wanted}`);
    } else {
      if (start >= infoFirstBlock) {
        findings.add('info-not-last', offset, () => {
          return `${found}, wanted them before structure info, at block ${infoFirstBlock}`;
        });
      }
      placed[length] = index;
      length += 1;
    }
  }
  const order = placed.subarray(0, length);
  return order.sort(
    (a, b) => (starts[a] ?? 0) - (starts[b] ?? 0) || (counts[b] ?? 0) - (counts[a] ?? 0) || a - b,
  );
}

function checkSharing(
  { superblock, inodes, infoOffset }: RofsRecords,
  { starts, counts }: InodeTable,
  placed: Uint32Array,
  findings: Findings<RofsRule>,
): void {
  /** Of the data seen so far: where they end, and whose they are. */
  let end = 1;
  let last = -1;
  for (const index of placed) {
    const [start = 0, size = 0] = [starts[index], counts[index]];
    const isShared = last >= 0 && starts[last] === start && counts[last] === size;
    if (start < end && !isShared) {
      findings.add('data-overlap', infoOffset + (inodes[index] ?? 0) + 16, () => {
        return `found ${size} bytes of inode ${index + 1} at block ${start}, among those of inode ${last + 1}, wanted all of these or none`;
      });
    }
    if (start > end) addUnused(end, start, superblock.infoFirstBlock, findings);
    if (start + blocksOf(size) <= end) continue;
    end = start + blocksOf(size);
    last = index;
  }
  addUnused(end, superblock.infoFirstBlock, superblock.infoFirstBlock, findings);
}

/** Structure info is no hole between data. */
function addUnused(
  from: number,
  to: number,
  infoFirstBlock: number,
  findings: Findings<RofsRule>,
): void {
  const blocks = Math.min(to, infoFirstBlock) - from;
  if (blocks <= 0 || hidesData(findings)) return;
  const text = () => `found ${blocks} blocks of no file, wanted none`;
  findings.add('data-unused', from * blockSize, text);
}

/** What was found that explains blocks of nobody. */
function hidesData(findings: Findings<RofsRule>): boolean {
  return (['data-start', 'data-bounds', 'data-in-info', 'inode-kind'] as const).some(findings.has);
}

function checkPadding(
  access: SyncAccess,
  { starts, counts }: InodeTable,
  placed: Uint32Array,
  findings: Findings<RofsRule>,
): void {
  let seen = 0;
  for (const index of placed) {
    const end = (starts[index] ?? 0) * blockSize + (counts[index] ?? 0);
    const padding = blocksOf(end) * blockSize - end;
    if (padding === 0 || end <= seen) continue;
    seen = end;
    const at = firstNonZero(bytesOf(access, end, padding));
    if (at === undefined) continue;
    const text = () => `found more than zeros behind the data of inode ${index + 1}, wanted zeros`;
    findings.add('data-padding', end + at, text);
  }
}

function checkInfoPadding(
  access: SyncAccess,
  { info, infoOffset, end }: RofsRecords,
  findings: Findings<RofsRule>,
): void {
  const zeros = 'found more than zeros, wanted zeros';
  const inInfo = firstNonZero(info.subarray(end));
  if (inInfo !== undefined) {
    findings.add('info-padding', infoOffset + end + inInfo, () => `${zeros} behind the last inode`);
  }
  if (findings.has('info-not-last')) return;
  const from = infoOffset + info.length;
  const behind = firstNonZero(bytesOf(access, from, Math.min(trailingReach, access.size - from)));
  if (behind !== undefined) {
    findings.add('trailing', from + behind, () => `${zeros} behind structure info`);
  }
}

function firstNonZero(bytes: Uint8Array): number | undefined {
  const at = bytes.findIndex((byte) => byte !== 0);
  return at === -1 ? undefined : at;
}
