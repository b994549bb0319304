import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/**
 * A second reader of ROFS and of the partition that holds it, for tests: written from the kernel's
 * description of the format (fs/rofs/rofs.hh, rofs_vfsops.cc) and sharing nothing with src/, so that a
 * mistake made there is not made here too. It trusts nothing and throws at the first thing it dislikes.
 */

export interface ReadNode {
  /** Absolute; `/` for the root. Bytes that are not UTF-8 stand as `\xHH`. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  /** Equal for two names of one file. */
  readonly inode: number;
  /** Bytes of a file, entries of a directory, bytes of a link's target. */
  readonly size: number;
  /** Of a file: hex. */
  readonly sha256?: string;
  readonly target?: string;
}

interface Inode {
  readonly mode: number;
  readonly dataOffset: number;
  readonly count: number;
}

interface Name {
  readonly inode: number;
  readonly name: string;
}

/** What the second slot of a raw disk's partition table points to, read as ROFS. */
export function readDisk(file: string): readonly ReadNode[] {
  return withFile(file, (read, size) => {
    const sector = read(0, 512);
    check(sector.readUInt16LE(510) === 0xaa55, 'boot signature 55 aa');
    const slot = sector.subarray(0x1ce, 0x1de);
    check(slot.readUInt8(4) === 0x83, 'system id 83 in the slot at 0x1ce');
    check((slot.readUInt16LE(2) & 0x3f) !== 0, 'a CHS start sector in the slot at 0x1ce');
    const start = slot.readUInt32LE(8) * 512;
    const length = slot.readUInt32LE(12) * 512;
    check(start > 0 && length > 0 && start + length <= size, 'a partition inside the disk');
    return readFileSystem((offset, count) => {
      check(offset + count <= length, `bytes ${offset} to ${offset + count} inside the partition`);
      return read(start + offset, count);
    });
  });
}

/** A file that is a ROFS from its first byte. */
export function readRofsFile(file: string): readonly ReadNode[] {
  return withFile(file, (read) => readFileSystem(read));
}

/** Depth first, a directory before what it holds, entries in the order of the image. */
function readFileSystem(read: (offset: number, length: number) => Buffer): readonly ReadNode[] {
  const superblock = read(0, 64);
  const field = (index: number): number => Number(superblock.readBigUInt64LE(index * 8));
  const [magic, version, blockSize] = [field(0), field(1), field(2)];
  const [first, count] = [field(3), field(4)];
  const [nameCount, linkCount, inodeCount] = [field(5), field(6), field(7)];
  check(magic === 0xdeadbead && version === 1 && blockSize === 512, 'magic, version, block size');
  check(count > 0 && inodeCount > 0, 'a structure info with an inode');

  const info = read(first * 512, count * 512);
  let at = 0;
  const take = (length: number): Buffer => {
    check(at + length <= info.length, 'tables inside the structure info');
    at += length;
    return info.subarray(at - length, at);
  };
  const names: Name[] = [];
  for (let i = 0; i < nameCount; i += 1) {
    const inode = Number(take(8).readBigUInt64LE());
    const name = take(take(2).readUInt16LE());
    check(
      name.length > 0 && !name.includes(0) && !name.includes(0x2f),
      `a usable name, entry ${i}`,
    );
    names.push({ inode, name: textOf(name) });
  }
  const targets: Buffer[] = [];
  for (let i = 0; i < linkCount; i += 1) targets.push(take(take(2).readUInt16LE()));
  const inodes: Inode[] = [];
  for (let i = 1; i <= inodeCount; i += 1) {
    const record = take(32);
    check(Number(record.readBigUInt64LE(8)) === i, `inode ${i} as record ${i}`);
    inodes.push({
      mode: record.readUInt32LE(0),
      dataOffset: Number(record.readBigUInt64LE(16)),
      count: Number(record.readBigUInt64LE(24)),
    });
  }
  check(
    info.subarray(at).every((byte) => byte === 0),
    'zeros after the last inode',
  );

  const nodes: ReadNode[] = [];
  const directories = new Set<number>();
  const visit = (path: string, number: number): void => {
    const inode = inodes[number - 1];
    if (!inode) throw new Error(`ROFS: ${path}: no inode ${number}`);
    const { mode, dataOffset, count: size } = inode;
    if (mode === 0x8000) {
      check(
        size === 0 || (dataOffset > 0 && dataOffset * 512 + size <= first * 512),
        `data of ${path}`,
      );
      const sha256 = hashOf(read, dataOffset * 512, size);
      nodes.push({ path, kind: 'file', inode: number, size, sha256 });
    } else if (mode === 0xa000) {
      const target = targets[dataOffset];
      if (!target || size !== 1) throw new Error(`ROFS: ${path}: no link ${dataOffset}`);
      nodes.push({
        path,
        kind: 'symlink',
        inode: number,
        size: target.length,
        target: textOf(target),
      });
    } else {
      check(mode === 0x4000, `a mode at ${path}, found ${mode.toString(16)}`);
      check(!directories.has(number), `one name for the directory ${path}`);
      directories.add(number);
      check(dataOffset + size <= names.length, `entries of ${path} in the table`);
      nodes.push({ path, kind: 'directory', inode: number, size });
      const entries = names.slice(dataOffset, dataOffset + size);
      check(new Set(entries.map(({ name }) => name)).size === size, `names once in ${path}`);
      for (const { name, inode: child } of entries)
        visit(`${path === '/' ? '' : path}/${name}`, child);
    }
  };
  visit('/', 1);
  return nodes;
}

function hashOf(
  read: (offset: number, length: number) => Buffer,
  start: number,
  size: number,
): string {
  const hash = createHash('sha256');
  for (let done = 0; done < size; done += 1 << 20) {
    hash.update(read(start + done, Math.min(1 << 20, size - done)));
  }
  return hash.digest('hex');
}

function withFile<T>(
  file: string,
  use: (read: (offset: number, length: number) => Buffer, size: number) => T,
): T {
  const fd = openSync(file, 'r');
  try {
    const size = fstatSync(fd).size;
    return use((offset, length) => {
      check(offset + length <= size, `bytes ${offset} to ${offset + length} of ${size}`);
      const bytes = Buffer.alloc(length);
      check(readSync(fd, bytes, 0, length, offset) === length, `${length} bytes at ${offset}`);
      return bytes;
    }, size);
  } finally {
    closeSync(fd);
  }
}

function textOf(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (Buffer.from(text).equals(bytes)) return text;
  return Array.from(bytes, (byte) =>
    byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`,
  ).join('');
}

function check(condition: boolean, wanted: string): void {
  if (!condition) throw new Error(`ROFS: wanted ${wanted}`);
}
