import { closeSync, openSync, readdirSync, readlinkSync, readSync, writeSync } from 'node:fs';
import {
  blockSize,
  blocksOf,
  encodeSuperblock,
  entryHeaderSize,
  inodeSize,
  putEntry,
  putInode,
  putSymlink,
  type RofsEntry,
  type RofsInode,
  symlinkHeaderSize,
} from '../../src/rofs/format.ts';

/*
 * Writes a folder of this host as a ROFS in the plainest way: one walk that copies each file as it
 * comes, then the tables. What unpacking an image and a generator would cost, at the least.
 *
 *   node dist/test/bench/plain-rofs.js FOLDER FILE
 */

const [folder = '', target = ''] = process.argv.slice(2);
const out = openSync(target, 'w');
const buffer = Buffer.alloc(2 ** 20);
const entries: RofsEntry[] = [];
const links: Uint8Array[] = [];
const inodes: RofsInode[] = [];
let block = 1;

addFolder(Buffer.from(folder));
writeTables();
closeSync(out);

function addFolder(path: Buffer): number {
  const number = inodes.push({ kind: 'directory', number: inodes.length + 1, start: 0, count: 0 });
  const own: RofsEntry[] = [];
  for (const { name, ...kind } of listed(path)) {
    const child = Buffer.concat([path, Buffer.from('/'), name]);
    if (kind.isFolder) own.push({ inode: addFolder(child), name });
    else if (kind.isLink) own.push({ inode: addLink(child), name });
    else if (kind.isFile) own.push({ inode: addFile(child), name });
  }
  inodes[number - 1] = { kind: 'directory', number, start: entries.length, count: own.length };
  entries.push(...own);
  return number;
}

function listed(path: Buffer) {
  return readdirSync(path, { withFileTypes: true, encoding: 'buffer' }).map((one) => ({
    name: one.name,
    isFolder: one.isDirectory(),
    isLink: one.isSymbolicLink(),
    isFile: one.isFile(),
  }));
}

function addLink(path: Buffer): number {
  const start = links.push(readlinkSync(path, { encoding: 'buffer' })) - 1;
  return inodes.push({ kind: 'symlink', number: inodes.length + 1, start, count: 1 });
}

function addFile(path: Buffer): number {
  const fd = openSync(path, 'r');
  let size = 0;
  for (let count = readSync(fd, buffer); count > 0; count = readSync(fd, buffer)) {
    writeSync(out, buffer, 0, count, block * blockSize + size);
    size += count;
  }
  closeSync(fd);
  const number = inodes.push({
    kind: 'file',
    number: inodes.length + 1,
    start: block,
    count: size,
  });
  block += blocksOf(size);
  return number;
}

function writeTables(): void {
  const size =
    entries.reduce((sum, { name }) => sum + entryHeaderSize + name.length, 0) +
    links.reduce((sum, link) => sum + symlinkHeaderSize + link.length, 0) +
    inodes.length * inodeSize;
  const tables = Buffer.alloc(blocksOf(size) * blockSize);
  let at = 0;
  for (const entry of entries) at = putEntry(tables, at, entry);
  for (const link of links) at = putSymlink(tables, at, link);
  for (const inode of inodes) at = putInode(tables, at, inode);
  writeSync(out, tables, 0, tables.length, block * blockSize);
  const head = encodeSuperblock({
    infoFirstBlock: block,
    infoBlocks: blocksOf(size),
    entryCount: entries.length,
    symlinkCount: links.length,
    inodeCount: inodes.length,
  });
  writeSync(out, head, 0, head.length, 0);
}
