import { Buffer } from 'node:buffer';
import { myself } from '../../store/files/owner.ts';
import type { Files, OpenFile } from '../../store/index.ts';

export type CallName = keyof Files | Exclude<keyof OpenFile, 'path'>;

/**
 * Asked before each call. What it throws takes the place of the call; `half` does the first half of
 * a write, as a disk may before it fails.
 */
export type BeforeCall = (call: CallName, half: () => void) => void;

const readingCalls: readonly CallName[] = [
  'stat',
  'list',
  'readWhole',
  'open',
  'readLink',
  'size',
  'read',
  'close',
];

/** The codes with which calls fail here, and which calls do. */
export const faults = {
  EIO: () => true,
  ENOSPC: (call) => !readingCalls.includes(call),
  EACCES: (call) => call !== 'close',
  EROFS: (call) => !readingCalls.includes(call),
} satisfies Record<string, (call: CallName) => boolean>;

export type FaultCode = keyof typeof faults;

export interface FaultyFiles {
  readonly files: Files;
  /** How many calls there were that may fail. */
  calls(): number;
}

/** Files whose `at`-th call fails with `code`; `lasting`: and all such calls after it. */
export function failingFiles(
  files: Files,
  code: FaultCode,
  { at, lasting = false }: { at: number; lasting?: boolean },
): FaultyFiles {
  let calls = 0;
  const before: BeforeCall = (call, half) => {
    if (!faults[code](call)) return;
    calls += 1;
    if (calls !== at && !(lasting && calls > at)) return;
    half();
    throw Object.assign(new Error(`${code}: ${call}, made to fail`), { code, syscall: call });
  };
  return { files: watchedFiles(files, before), calls: () => calls };
}

/** Files of a process that is killed at its `at`-th call: this one and all after it do nothing. */
export function killedFiles(files: Files, at: number): FaultyFiles {
  let calls = 0;
  const before: BeforeCall = (_, half) => {
    calls += 1;
    if (calls < at) return;
    if (calls === at) half();
    throw new Error('killed');
  };
  return { files: watchedFiles(files, before), calls: () => calls };
}

export function watchedFiles(files: Files, before: BeforeCall): Files {
  const nothing = () => {};
  const watch =
    <K extends keyof Files>(call: K) =>
    (...args: Parameters<Files[K]>): ReturnType<Files[K]> => {
      before(call, nothing);
      return Reflect.apply(files[call], files, args);
    };
  const opened = (file: OpenFile): OpenFile => watchedFile(file, before);
  return {
    stat: watch('stat'),
    list: watch('list'),
    readWhole: watch('readWhole'),
    open(path) {
      const file = watch('open')(path);
      return file && opened(file);
    },
    create: (path) => opened(watch('create')(path)),
    update: (path) => opened(watch('update')(path)),
    makeFolder: watch('makeFolder'),
    rename: watch('rename'),
    link: watch('link'),
    symlink: watch('symlink'),
    readLink: watch('readLink'),
    remove: watch('remove'),
    removeFolder: watch('removeFolder'),
    touch: watch('touch'),
    async flushFolder(path) {
      before('flushFolder', nothing);
      await files.flushFolder(path);
    },
  };
}

function watchedFile(file: OpenFile, before: BeforeCall): OpenFile {
  const nothing = () => {};
  return {
    path: file.path,
    size() {
      before('size', nothing);
      return file.size();
    },
    read(target, position) {
      before('read', nothing);
      return file.read(target, position);
    },
    write(bytes, position) {
      before('write', () => file.write(bytes.subarray(0, bytes.length / 2), position));
      file.write(bytes, position);
    },
    truncate(size) {
      before('truncate', nothing);
      file.truncate(size);
    },
    async flush() {
      before('flush', nothing);
      await file.flush();
    },
    close() {
      // A close that fails closes all the same (close(2)).
      before('close', () => file.close());
      file.close();
    },
  };
}

/**
 * Files as the `number`-th of several processes sees them that are all played by this one. What it
 * writes of itself, in names, links and leases, says another start time on the disk; to itself it
 * looks as it is, and to the others like a process that has ended.
 */
export async function playedFiles(files: Files, number: number): Promise<Files> {
  const { pid, start } = await myself();
  const played = String(number).padStart(start.length, '0');
  const swap = (text: string, from: string, to: string): string =>
    text.replaceAll(new RegExp(`\\b${pid}( |_|,"start":")${from}`, 'g'), `${pid}$1${to}`);
  const out = (text: string): string => swap(text, start, played);
  const back = (text: string): string => swap(text, played, start);
  const isLease = (path: string): boolean => path.endsWith('.lease');
  const opened = (file: OpenFile, path: string): OpenFile => ({
    ...file,
    path,
    write(bytes, position) {
      const text = Buffer.from(bytes).toString('latin1');
      file.write(isLease(path) ? Buffer.from(out(text), 'latin1') : bytes, position);
    },
  });
  return {
    stat: (path) => files.stat(out(path)),
    list: (path) => files.list(path)?.map(({ name, kind }) => ({ name: back(name), kind })),
    readWhole(path) {
      const bytes = files.readWhole(out(path));
      if (bytes === undefined || !isLease(path)) return bytes;
      return Buffer.from(back(Buffer.from(bytes).toString('latin1')), 'latin1');
    },
    open(path) {
      const file = files.open(out(path));
      return file && opened(file, path);
    },
    create: (path) => opened(files.create(out(path)), path),
    update: (path) => opened(files.update(out(path)), path),
    makeFolder: (path) => files.makeFolder(path),
    rename: (from, to) => files.rename(out(from), out(to)),
    link: (from, to) => files.link(out(from), out(to)),
    symlink: (target, path) => files.symlink(out(target), path),
    readLink(path) {
      const target = files.readLink(path);
      return target === undefined ? undefined : back(target);
    },
    remove: (path) => files.remove(out(path)),
    removeFolder: (path) => files.removeFolder(path),
    touch: (path) => files.touch(out(path)),
    flushFolder: (path) => files.flushFolder(path),
  };
}
