import type { SyncAccess } from '../../tree/access.ts';
import { bufferOf, Damaged } from '../damaged.ts';

/** Berkeley DB, src/dbinc/db_page.h. */
const hashMagic = 0x061561;
const pageTypes = { unsortedHash: 2, overflow: 7, hash: 13 };
const itemTypes = { data: 1, elsewhere: 3 };
const pageHeader = 26;
const blobCap = 64 << 20;
/** Beside the packages there is one value of 4 bytes, the highest number of a package. */
const leastBlob = 16;

/**
 * The blobs of a hash database of Berkeley DB, as rpm had it before SQLite: pages of items, by turns key
 * and value; a value that is large lies in a chain of pages. Every page is read at most once.
 * @throws Damaged for those of big-endian machines, too; RangeError.
 */
export function* readBerkeleyBlobs(access: SyncAccess): Generator<Buffer, void> {
  const header = bufferOf(access.read(0, 512));
  if (header.readUInt32LE(12) !== hashMagic) {
    throw new Damaged('no hash database of a little-endian Berkeley DB');
  }
  const size = header.readUInt32LE(20);
  const encrypted = header.readUInt8(24) !== 0;
  if (encrypted || size < 512 || size > 65_536 || (size & (size - 1)) !== 0) {
    throw new Damaged(encrypted ? 'an encrypted database' : `pages of ${size} bytes`);
  }
  const chained = new Set<number>();
  const pages = Math.floor(access.size / size);
  const pageAt = (number: number): Buffer => {
    if (number < 1 || number >= pages) throw new Damaged(`no page ${number}`);
    return bufferOf(access.read(number * size, size));
  };

  function chainFrom(first: number, length: number): Buffer {
    if (length > blobCap) throw new Damaged(`a package of ${length} bytes`);
    const parts: Buffer[] = [];
    let left = length;
    for (let number = first; left > 0; ) {
      if (chained.has(number)) throw new Damaged(`page ${number} in two places`);
      chained.add(number);
      const page = pageAt(number);
      const part = page.subarray(pageHeader, pageHeader + Math.min(left, page.readUInt16LE(22)));
      if (page.readUInt8(25) !== pageTypes.overflow || part.length === 0) {
        throw new Damaged(`page ${number} of a wrong type`);
      }
      parts.push(part);
      left -= part.length;
      number = page.readUInt32LE(16);
    }
    return Buffer.concat(parts);
  }

  for (let number = 1; number < pages; number++) {
    const page = pageAt(number);
    const type = page.readUInt8(25);
    if (type !== pageTypes.hash && type !== pageTypes.unsortedHash) continue;
    const items = page.readUInt16LE(20);
    for (let item = 1; item < items; item += 2) {
      const at = page.readUInt16LE(pageHeader + 2 * item);
      const kind = page.readUInt8(at);
      if (kind === itemTypes.elsewhere) {
        yield chainFrom(page.readUInt32LE(at + 4), page.readUInt32LE(at + 8));
      } else if (kind === itemTypes.data) {
        // Items lie from the end of a page to its front, each to where the one before begins.
        const end = page.readUInt16LE(pageHeader + 2 * (item - 1));
        if (end - at > leastBlob) yield page.subarray(at + 1, end);
      } else {
        throw new Damaged(`an item of type ${kind}`);
      }
    }
  }
}
