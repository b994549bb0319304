import { Buffer } from 'node:buffer';
import { basename, dirname, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { createMemoryFiles, type Files, type OpenFile } from '../../store/index.ts';

/** What a name leads to. */
type Target =
  | { readonly kind: 'file' | 'folder'; readonly inode: number }
  | { readonly kind: 'symlink'; readonly target: string };

type FileChange =
  | { readonly do: 'write'; readonly position: number; readonly bytes: Uint8Array }
  | { readonly do: 'truncate'; readonly size: number };

type Step =
  | { readonly do: 'change'; readonly inode: number; readonly change: FileChange }
  | { readonly do: 'name'; readonly folder: number; readonly name: string; readonly to?: Target }
  /** All changes of the file, or of the names in the folder, before step `before` are durable. */
  | { readonly do: 'flushed'; readonly inode: number; readonly before: number }
  /** All before is durable. */
  | { readonly do: 'settled' }
  | { readonly do: 'note'; readonly note: unknown };

/** A disk in memory that remembers all that was done to it. */
export interface Disk<Note> {
  readonly files: Files;
  /** How many steps were done. */
  length(): number;
  /** Put among the steps, and given back by `cut` for those before the cut. */
  note(note: Note): void;
  /** What the disk may hold when the power fails after `length` steps, by the choices of `fate`. */
  cut(length: number, fate: Fate): { readonly files: Files; readonly notes: readonly Note[] };
}

/** What becomes of what was not flushed. */
export interface Fate {
  /** Of a name: 0 for what it durably leads to, up to `changes` for what it led to last. */
  name(changes: number): number;
  /** Of one change of a file's bytes. */
  change(): 'kept' | 'lost' | 'zeros' | 'half';
}

/** The extremes; the third is a file that was renamed before its bytes were flushed. */
export const fates = {
  'nothing survives': { name: () => 0, change: () => 'lost' },
  'everything survives': { name: (changes) => changes, change: () => 'kept' },
  'names survive': { name: (changes) => changes, change: () => 'lost' },
  'bytes turn zero': { name: (changes) => changes, change: () => 'zeros' },
  'bytes survive': { name: () => 0, change: () => 'kept' },
} satisfies Record<string, Fate>;

/** Any combination; `random` gives numbers from 0 to 1. */
export function randomFate(random: () => number): Fate {
  const changeFates = ['kept', 'lost', 'zeros', 'half'] as const;
  return {
    name: (changes) => Math.floor(random() * (changes + 1)),
    change: () => changeFates[Math.floor(random() * changeFates.length)] ?? 'kept',
  };
}

/** `start`: what is on the disk, durably, when it begins. */
export function createDisk<Note>(start: Files = createMemoryFiles()): Disk<Note> {
  const memory = createMemoryFiles();
  const steps: Step[] = [];

  const targetOf = (path: string): Target | undefined => {
    const found = memory.stat(path);
    if (found === undefined || found.kind === 'other') return undefined;
    return found.kind === 'symlink'
      ? { kind: 'symlink', target: memory.readLink(path) ?? '' }
      : { kind: found.kind, inode: found.inode };
  };
  const inodeOf = (path: string): number => memory.stat(path)?.inode ?? 0;
  const noteName = (path: string): void => {
    const to = targetOf(path);
    const folder = inodeOf(dirname(path));
    steps.push({ do: 'name', folder, name: basename(path), ...(to && { to }) });
  };
  const flushing = async (inode: number, flush: () => Promise<void>): Promise<void> => {
    const before = steps.length;
    // What is changed while the disk is busy may not be flushed with the rest.
    await turn();
    await flush();
    steps.push({ do: 'flushed', inode, before });
  };
  const noting = (path: string, isDone: boolean): boolean => {
    if (isDone) noteName(path);
    return isDone;
  };
  const recorded = (file: OpenFile): OpenFile => {
    const inode = inodeOf(file.path);
    return {
      ...file,
      write(bytes, position) {
        file.write(bytes, position);
        const change: FileChange = { do: 'write', position, bytes: Buffer.from(bytes) };
        steps.push({ do: 'change', inode, change });
      },
      truncate(size) {
        file.truncate(size);
        steps.push({ do: 'change', inode, change: { do: 'truncate', size } });
      },
      flush: () => flushing(inode, file.flush),
    };
  };
  const files: Files = {
    ...memory,
    create(path) {
      const file = memory.create(path);
      noteName(path);
      return recorded(file);
    },
    update(path) {
      const isNew = memory.stat(path) === undefined;
      const file = memory.update(path);
      noting(path, isNew);
      return recorded(file);
    },
    makeFolder(path) {
      const outcome = memory.makeFolder(path);
      noting(path, outcome === 'made');
      return outcome;
    },
    rename(from, to) {
      const isDone = memory.rename(from, to);
      noting(to, isDone);
      noting(from, isDone);
      return isDone;
    },
    link(from, to) {
      const outcome = memory.link(from, to);
      noting(to, outcome === 'made');
      return outcome;
    },
    symlink: (target, path) => noting(path, memory.symlink(target, path)),
    remove: (path) => noting(path, memory.remove(path)),
    removeFolder: (path) => noting(path, memory.removeFolder(path)),
    flushFolder: (path) => flushing(inodeOf(path), () => memory.flushFolder(path)),
  };
  copyFolder(start, files, '/');
  steps.push({ do: 'settled' });
  return {
    files,
    length: () => steps.length,
    note: (note) => steps.push({ do: 'note', note }),
    cut(length, fate) {
      const done = steps.slice(0, length);
      const notes = done.flatMap((step) => (step.do === 'note' ? [step.note as Note] : []));
      return { files: survivors(done, inodeOf('/'), fate), notes };
    },
  };
}

/** Second names of a file become files of their own. */
function copyFolder(from: Files, to: Files, folder: string): void {
  for (const { name, kind } of from.list(folder) ?? []) {
    const path = join(folder, name);
    if (kind === 'folder') {
      to.makeFolder(path);
      copyFolder(from, to, path);
    } else if (kind === 'symlink') {
      to.symlink(from.readLink(path) ?? '', path);
    } else {
      const file = to.create(path);
      file.write(from.readWhole(path) ?? new Uint8Array(), 0);
      file.close();
    }
  }
}

interface Pending<T> {
  readonly at: number;
  readonly value: T;
}

/** Of a file its changes, of a folder those of each name. */
interface History {
  durable: Buffer;
  changes: Pending<FileChange>[];
  readonly names: Map<string, Pending<Target | undefined>[]>;
}

function survivors(steps: readonly Step[], root: number, fate: Fate): Files {
  const histories = new Map<number, History>();
  const historyOf = (inode: number): History => {
    const known = histories.get(inode);
    if (known !== undefined) return known;
    const made = { durable: Buffer.alloc(0), changes: [], names: new Map() };
    histories.set(inode, made);
    return made;
  };
  for (const [at, step] of steps.entries()) {
    if (step.do === 'change') historyOf(step.inode).changes.push({ at, value: step.change });
    if (step.do === 'name') rename(historyOf(step.folder), step.name, { at, value: step.to });
    if (step.do === 'flushed') flush(historyOf(step.inode), step.before);
    if (step.do === 'settled') for (const history of histories.values()) flush(history, at);
  }
  const files = createMemoryFiles();
  const placed = new Map<number, string>();
  const place = (path: string, to: Target): void => {
    if (to.kind === 'symlink') {
      files.symlink(to.target, path);
    } else if (to.kind === 'folder') {
      files.makeFolder(path);
      fill(path, to.inode);
    } else {
      const other = placed.get(to.inode);
      if (other !== undefined) {
        files.link(other, path);
        return;
      }
      placed.set(to.inode, path);
      const file = files.create(path);
      const { durable, changes } = historyOf(to.inode);
      file.write(
        changes.reduce((bytes, { value }) => suffer(bytes, value, fate), durable),
        0,
      );
      file.close();
    }
  };
  const fill = (folder: string, inode: number): void => {
    for (const [name, states] of historyOf(inode).names) {
      const to = states[fate.name(states.length - 1)]?.value;
      if (to !== undefined) place(join(folder, name), to);
    }
  };
  fill('/', root);
  return files;
}

/** The first of the states of a name is what it durably leads to. */
function rename({ names }: History, name: string, state: Pending<Target | undefined>): void {
  const states = names.get(name) ?? [{ at: -1, value: undefined }];
  states.push(state);
  names.set(name, states);
}

function flush(history: History, before: number): void {
  for (const states of history.names.values()) {
    states.splice(0, states.filter(({ at }) => at < before).length - 1);
  }
  for (const { at, value } of history.changes) {
    if (at < before) history.durable = change(history.durable, value);
  }
  history.changes = history.changes.filter(({ at }) => at >= before);
}

function change(bytes: Buffer, change: FileChange): Buffer {
  if (change.do === 'truncate') return resized(bytes, change.size);
  const end = change.position + change.bytes.length;
  const changed = resized(bytes, Math.max(bytes.length, end));
  changed.set(change.bytes, change.position);
  return changed;
}

function suffer(bytes: Buffer, whole: FileChange, fate: Fate): Buffer {
  const kind = fate.change();
  if (kind === 'lost') return bytes;
  if (kind === 'kept' || whole.do === 'truncate') return change(bytes, whole);
  const part =
    kind === 'zeros'
      ? Buffer.alloc(whole.bytes.length)
      : whole.bytes.subarray(0, whole.bytes.length / 2);
  return change(bytes, { ...whole, bytes: part });
}

function resized(bytes: Buffer, size: number): Buffer {
  const made = Buffer.alloc(size);
  bytes.copy(made, 0, 0, Math.min(size, bytes.length));
  return made;
}
