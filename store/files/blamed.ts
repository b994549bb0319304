import type { Files, OpenFile } from './files.ts';
import { storeErrorOf } from './io-error.ts';

/**
 * The same files, whose failures are those of a store: they name the path and what to do.
 * @throws StoreError `STORE_FULL`, `STORE_UNUSABLE`.
 */
export function blamedFiles(files: Files): Files {
  return {
    stat: (path) => blaming(path, () => files.stat(path)),
    list: (folder) => blaming(folder, () => files.list(folder)),
    readWhole: (path) => blaming(path, () => files.readWhole(path)),
    open: (path) =>
      blaming(path, () => {
        const file = files.open(path);
        return file && blamedFile(file);
      }),
    create: (path) => blaming(path, () => blamedFile(files.create(path))),
    update: (path) => blaming(path, () => blamedFile(files.update(path))),
    makeFolder: (path) => blaming(path, () => files.makeFolder(path)),
    rename: (from, to) => blaming(to, () => files.rename(from, to)),
    link: (from, to) => blaming(to, () => files.link(from, to)),
    symlink: (target, path) => blaming(path, () => files.symlink(target, path)),
    readLink: (path) => blaming(path, () => files.readLink(path)),
    remove: (path) => blaming(path, () => files.remove(path)),
    removeFolder: (path) => blaming(path, () => files.removeFolder(path)),
    touch: (path) => blaming(path, () => files.touch(path)),
    flushFolder: (path) => blamingLater(path, () => files.flushFolder(path)),
  };
}

function blamedFile(file: OpenFile): OpenFile {
  const { path } = file;
  return {
    path,
    size: () => blaming(path, () => file.size()),
    read: (target, position) => blaming(path, () => file.read(target, position)),
    write: (bytes, position) => blaming(path, () => file.write(bytes, position)),
    truncate: (size) => blaming(path, () => file.truncate(size)),
    flush: () => blamingLater(path, () => file.flush()),
    close: () => blaming(path, () => file.close()),
  };
}

function blaming<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw storeErrorOf(error, path);
  }
}

async function blamingLater(path: string, call: () => Promise<void>): Promise<void> {
  try {
    await call();
  } catch (error) {
    throw storeErrorOf(error, path);
  }
}
