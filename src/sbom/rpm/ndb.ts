import type { SyncAccess } from '../../tree/access.ts';
import { bufferOf, Damaged } from '../damaged.ts';

const headerSize = 32;
const slotSize = 16;
const blockSize = 16;
const pageSize = 4096;
const slotPagesCap = 1000;
const blobCap = 64 << 20;

/**
 * The blobs of rpm's own format, as SUSE has it: a table of slots in the first pages, each with the number
 * of a package, and the position and length of its blob in blocks of 16 bytes; all little-endian (rpm,
 * lib/backend/ndb/rpmpkg.c). No two blobs may overlap.
 * @throws Damaged, RangeError.
 */
export function* readNdbBlobs(access: SyncAccess): Generator<Buffer, void> {
  const header = bufferOf(access.read(0, headerSize));
  if (header.toString('latin1', 0, 4) !== 'RpmP') throw new Damaged('no ndb database');
  const version = header.readUInt32LE(4);
  const pages = header.readUInt32LE(12);
  if (version !== 0 || pages > slotPagesCap) {
    throw new Damaged(`version ${version} with ${pages} pages of slots`);
  }
  const slots = bufferOf(access.read(0, pages * pageSize));
  const found: Slot[] = [];
  for (let at = headerSize; at < pages * pageSize; at += slotSize) {
    if (slots.toString('latin1', at, at + 4) !== 'Slot') throw new Damaged(`no slot at byte ${at}`);
    const start = slots.readUInt32LE(at + 8) * blockSize;
    const length = slots.readUInt32LE(at + 12) * blockSize;
    if (start > 0) found.push({ number: slots.readUInt32LE(at + 4), start, length });
  }
  found.sort((a, b) => a.start - b.start);
  let end = pages * pageSize;
  for (const slot of found) {
    if (slot.start < end) throw new Damaged('packages that overlap');
    end = slot.start + slot.length;
    yield blobOf(access, slot);
  }
}

interface Slot {
  readonly number: number;
  /** In bytes, as `length`, which includes what frames the blob. */
  readonly start: number;
  readonly length: number;
}

/** Before a blob: `BlbS`, its package, a time, its length. */
function blobOf(access: SyncAccess, { number, start, length }: Slot): Buffer {
  const head = bufferOf(access.read(start, 16));
  const size = head.readUInt32LE(12);
  const sound = head.toString('latin1', 0, 4) === 'BlbS' && head.readUInt32LE(4) === number;
  if (!sound || size > blobCap || size + 16 > length) {
    throw new Damaged(`no package at byte ${start}`);
  }
  return bufferOf(access.read(start + 16, size));
}
