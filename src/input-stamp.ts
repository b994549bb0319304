import { createHash } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  type Stats,
  statSync,
} from 'node:fs';

/**
 * What stands for a file in the key of a build: its stamp. One that changed so lately that a later change might
 * leave the stamp as it is, by the clock or the grain of the file system, stands there with its content, as in
 * git's index ("racy git"), and so does one of a time to come. Undefined where no file is.
 */
export function inputStamp(path: string): string | undefined {
  const found = fileAt(path);
  if (found === undefined) return undefined;
  return isSettled(found) ? stampOf(found) : contentStamp(path);
}

function fileAt(path: string): Stats | undefined {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    return found?.isFile() ? found : undefined;
  } catch {
    return undefined;
  }
}

/** As a `FileStamp`, but of times to a quarter of a microsecond: there are thousands, and exact ones take twice as long. */
function stampOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `${dev}:${ino}:${size}:${mtimeMs}:${ctimeMs}`;
}

/** FAT keeps even seconds. */
const grainMs = 2_000;

function isSettled({ ctimeMs, mtimeMs }: Stats): boolean {
  return Math.max(ctimeMs, mtimeMs) + grainMs < Date.now();
}

const pieceSize = 1 << 20;

/** By the bytes alone. Undefined for what cannot be read. */
export function contentStamp(path: string): string | undefined {
  const hash = createHash('sha256');
  try {
    const fd = openSync(path, 'r');
    try {
      if (!fstatSync(fd).isFile()) return undefined;
      const piece = Buffer.allocUnsafe(pieceSize);
      for (let read = readSync(fd, piece); read > 0; read = readSync(fd, piece)) {
        hash.update(piece.subarray(0, read));
      }
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
  return hash.digest('hex');
}

/** An installation of .NET has some 400 files a version; what has more than this is not looked through each time. */
const nameCap = 20_000;

/**
 * Path and stamp of each file in `folder`, and of those in the folders below it down to `depth`, links followed.
 * Undefined where there are too many names to look at.
 * @param wanted whether a file or folder of this name counts.
 */
export function folderStamps(
  folder: string,
  depth: number,
  wanted: (name: string) => boolean = () => true,
): readonly string[] | undefined {
  const stamps: string[] = [];
  let seen = 0;
  const walk = (path: string, left: number): void => {
    for (const name of namesIn(path).filter(wanted)) {
      seen += 1;
      if (seen > nameCap) return;
      const child = `${path}/${name}`;
      const stamp = inputStamp(child);
      if (stamp !== undefined) stamps.push(`${child} ${stamp}`);
      else if (left > 0) walk(child, left - 1);
    }
  };
  walk(folder, depth);
  return seen > nameCap ? undefined : stamps;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
