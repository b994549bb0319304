import { Buffer } from 'node:buffer';
import { dirname, join } from 'node:path';
import {
  type Digest,
  digestOf,
  type Files,
  type OpenStoreOptions,
  type Store,
} from '../../../store/index.ts';
import { layoutOf } from '../../../store/layout.ts';

/** Where the files of a store may lie; everything of it starts empty for each behaviour. */
export interface Ground {
  readonly files: Files;
  /** The folder of the store. */
  readonly dir: string;
  /** The same store each time, as other processes would open it. */
  open(options?: Omit<OpenStoreOptions, 'files'>): Promise<Store>;
}

/** What a store does wherever its files lie. */
export interface Behaviour {
  readonly name: string;
  readonly check: (ground: Ground) => Promise<void>;
}

export const code = (wanted: string) => ({ code: wanted });

export const hello: Uint8Array = Buffer.from('hello');

export const absent = digestOf(Buffer.from('absent'));

export const expected = (bytes: Uint8Array) => ({ digest: digestOf(bytes), size: bytes.length });

export async function* chunks(...parts: readonly Uint8Array[]) {
  yield* parts;
}

export async function drain(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of source) parts.push(chunk);
  return Buffer.concat(parts);
}

export const blobPath = ({ dir }: Ground, digest: Digest) => layoutOf(dir).blob(digest);

/** Files being written: nothing may be left of them. */
export function drafts({ files, dir }: Ground): readonly string[] {
  const listed = files.list(layoutOf(dir).ingest) ?? [];
  return listed.filter(({ kind }) => kind === 'file').map(({ name }) => name);
}

export function partials({ files, dir }: Ground): readonly string[] {
  return (files.list(layoutOf(dir).partials) ?? []).map(({ name }) => name);
}

/** Locks that are held, or were left behind. */
export function locks({ files, dir }: Ground): readonly string[] {
  const listed = files.list(join(dir, 'leases')) ?? [];
  return listed.filter(({ kind }) => kind === 'symlink').map(({ name }) => name);
}

export function readFile({ files }: Ground, path: string): Buffer | undefined {
  const bytes = files.readWhole(path);
  return bytes && Buffer.from(bytes);
}

/** Puts a file there as nobody in the store would: what it said before is gone. */
export function writeFile({ files }: Ground, path: string, bytes: Uint8Array | string): void {
  makeFolders(files, dirname(path));
  files.remove(path);
  const file = files.create(path);
  file.write(Buffer.from(bytes), 0);
  file.close();
}

function makeFolders(files: Files, path: string): void {
  if (files.makeFolder(path) === 'orphan') {
    makeFolders(files, dirname(path));
    files.makeFolder(path);
  }
}
