import type { Files, OpenFile } from '../../store/index.ts';

/** Bytes that went through the calls of a store. */
export interface Touched {
  /** Of uncompressed layers (`layers/.../tar`). */
  tarRead: number;
  /** Of everything else. */
  otherRead: number;
  written: number;
}

/** The same files, which count what is read and written from now on. */
export function countedFiles(files: Files): { readonly files: Files; readonly touched: Touched } {
  const touched: Touched = { tarRead: 0, otherRead: 0, written: 0 };

  function read(path: string, count: number): void {
    if (path.endsWith('/tar')) touched.tarRead += count;
    else touched.otherRead += count;
  }

  const counted = (file: OpenFile): OpenFile => ({
    ...file,
    read(target, position) {
      const count = file.read(target, position);
      read(file.path, count);
      return count;
    },
    write(bytes, position) {
      touched.written += bytes.length;
      file.write(bytes, position);
    },
  });

  return {
    touched,
    files: {
      ...files,
      readWhole(path) {
        const bytes = files.readWhole(path);
        read(path, bytes?.length ?? 0);
        return bytes;
      },
      open(path) {
        const file = files.open(path);
        return file && counted(file);
      },
      create: (path) => counted(files.create(path)),
      update: (path) => counted(files.update(path)),
    },
  };
}
