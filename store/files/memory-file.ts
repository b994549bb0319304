import type { OpenFile } from './files.ts';
import { type FileNode, failure } from './memory-node.ts';

/** Opens a file that is in memory. Who closed it, or may not write, is refused as a system would. */
export function openMemoryFile(path: string, file: FileNode, writable: boolean): OpenFile {
  let isOpen = true;
  const check = (call: string, allowed = true): void => {
    if (!isOpen || !allowed) throw failure('EBADF', call, path);
  };
  const grow = (size: number): void => {
    if (size <= file.room.length) return;
    const room = new Uint8Array(Math.max(size, 2 * file.room.length));
    room.set(file.room);
    file.room = room;
  };
  return {
    path,
    size() {
      check('fstat');
      return file.size;
    },
    read(target, position) {
      check('read');
      const bytes = file.room.subarray(position, Math.max(position, file.size));
      target.set(bytes.subarray(0, target.length));
      return Math.min(bytes.length, target.length);
    },
    write(bytes, position) {
      check('write', writable);
      grow(position + bytes.length);
      file.room.set(bytes, position);
      file.size = Math.max(file.size, position + bytes.length);
      file.mtime = Date.now();
    },
    truncate(size) {
      check('ftruncate', writable);
      grow(size);
      file.room.fill(0, Math.min(size, file.size));
      file.size = size;
      file.mtime = Date.now();
    },
    async flush() {
      check('fsync');
    },
    close() {
      check('close');
      isOpen = false;
    },
  };
}
