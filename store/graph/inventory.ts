import { join, relative } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { CallOptions } from '../call-options.ts';
import { type DiffID, type Digest, diffIDFromHex, digestFromHex } from '../digest.ts';
import type { FileKind, FileStat, ListedFile } from '../files/files.ts';
import { layersVersion } from '../layout.ts';
import type { StoreParts } from '../parts.ts';

/** What a store has, as it was when it was looked at: all but its names and its locks. */
export interface Inventory {
  readonly blobs: ReadonlyMap<Digest, FileStat>;
  readonly layers: ReadonlyMap<Digest, LayerStat>;
  readonly partials: ReadonlyMap<Digest, FileStat>;
  readonly others: readonly OtherThing[];
}

export interface LayerStat {
  readonly diffID: DiffID;
  /** Without it a layer is being written, or was given up. */
  readonly index: FileStat | undefined;
  readonly tar: FileStat | undefined;
}

/** What no digest tells. `other-layer`: one of another version of the store. */
export interface OtherThing {
  readonly kind: 'other-layer' | 'draft' | 'lease' | 'quarantine';
  /** The path from the root of the store on. */
  readonly name: string;
  readonly files: readonly FoundFile[];
  /** Those that go with the files where they are empty then, in that order. */
  readonly folders: readonly string[];
}

export interface FoundFile extends FileStat {
  readonly path: string;
}

type Parts = Pick<StoreParts, 'files' | 'layout'>;

/** Things looked at before whatever else is under way gets its turn. */
const stride = 1000;

/** Nothing is read. What goes meanwhile is left out. */
export async function takeInventory(
  parts: Parts,
  { signal }: CallOptions = {},
): Promise<Inventory> {
  const { files, layout } = parts;
  const blobs = new Map<Digest, FileStat>();
  const layers = new Map<Digest, LayerStat>();
  const partials = new Map<Digest, FileStat>();
  const strays: OtherThing[] = [];

  await inTurns(files.list(layout.blobs), signal, ({ name, kind }) => {
    const digest = kind === 'file' ? digestFromHex(name) : undefined;
    const found = digest && files.stat(layout.blob(digest));
    if (digest !== undefined && found !== undefined) blobs.set(digest, found);
  });
  await inTurns(files.list(layout.ownLayers), signal, ({ name, kind }) => {
    const diffID = kind === 'folder' ? diffIDFromHex(name) : undefined;
    if (diffID === undefined) return;
    const paths = layout.layer(diffID);
    layers.set(diffID, { diffID, index: files.stat(paths.index), tar: files.stat(paths.tar) });
  });
  for (const name of namesIn(parts, layout.partials, 'file')) {
    const digest = digestFromHex(name);
    const path = join(layout.partials, name);
    const found = files.stat(path);
    if (digest === undefined) strays.push(thingAt(parts, 'draft', path));
    else if (found !== undefined) partials.set(digest, found);
  }
  const others = [...strays, ...otherThings(parts)];
  return { blobs, layers, partials, others: others.filter(isThere) };
}

/** Of all files. */
export function* filesIn({ blobs, layers, partials, others }: Inventory): Generator<FileStat> {
  yield* blobs.values();
  for (const { index, tar } of layers.values()) {
    if (index !== undefined) yield index;
    if (tar !== undefined) yield tar;
  }
  yield* partials.values();
  for (const { files } of others) yield* files;
}

/** Of the blob and the layer of this digest. */
export function filesOf({ blobs, layers }: Inventory, digest: Digest): readonly FileStat[] {
  const layer = layers.get(digest);
  return [blobs.get(digest), layer?.index, layer?.tar].filter((file) => file !== undefined);
}

/** Whether the uncompressed layer is the file of the blob `blob`, too. */
export function isShared(blob: FileStat | undefined, { tar }: LayerStat): boolean {
  return blob !== undefined && blob.links > 1 && blob.inode === tar?.inode;
}

/** Bytes of the layer, but for what is the file of the blob. */
export function sizeBeside(blob: FileStat | undefined, layer: LayerStat): number {
  const tar = isShared(blob, layer) ? 0 : (layer.tar?.size ?? 0);
  return tar + (layer.index?.size ?? 0);
}

/** Counts the bytes of files, those of a file with several names once. */
export function sizeCounter(): (files: Iterable<FileStat>) => number {
  const counted = new Set<number>();
  return (files) => {
    let size = 0;
    for (const { links, inode, size: bytes } of files) {
      if (links > 1 && counted.has(inode)) continue;
      if (links > 1) counted.add(inode);
      size += bytes;
    }
    return size;
  };
}

async function inTurns(
  listed: readonly ListedFile[] | undefined,
  signal: AbortSignal | undefined,
  look: (listed: ListedFile) => void,
): Promise<void> {
  for (const [at, file] of (listed ?? []).entries()) {
    look(file);
    if (at % stride > 0) continue;
    await turn();
    signal?.throwIfAborted();
  }
}

function* otherThings(parts: Parts): Generator<OtherThing> {
  const { ingest, leases, quarantine } = parts.layout;
  yield* otherLayers(parts);
  for (const name of namesIn(parts, ingest, 'file')) {
    yield thingAt(parts, 'draft', join(ingest, name));
  }
  for (const name of namesIn(parts, leases, 'file')) {
    if (name.endsWith('.lease')) yield thingAt(parts, 'lease', join(leases, name));
  }
  for (const name of namesIn(parts, quarantine)) {
    yield thingAt(parts, 'quarantine', join(quarantine, name));
  }
}

/** `layers/vN/ALGORITHM/HEX` of versions other than ours. */
function* otherLayers(parts: Parts): Generator<OtherThing> {
  const { layers } = parts.layout;
  for (const version of namesIn(parts, layers, 'folder')) {
    if (version === layersVersion) continue;
    const above = join(layers, version);
    for (const algorithm of namesIn(parts, above, 'folder')) {
      const folder = join(above, algorithm);
      for (const name of namesIn(parts, folder)) {
        const thing = thingAt(parts, 'other-layer', join(folder, name));
        yield { ...thing, folders: [...thing.folders, folder, above] };
      }
    }
  }
}

/** A file, or a folder with all that is in it; what a symbolic link leads to is not looked at. */
function thingAt({ files, layout }: Parts, kind: OtherThing['kind'], path: string): OtherThing {
  const found: FoundFile[] = [];
  const folders: string[] = [];
  const open = [path];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const stat = files.stat(at);
    if (stat?.kind === 'folder') {
      folders.unshift(at);
      for (const { name } of files.list(at) ?? []) open.push(join(at, name));
    } else if (stat !== undefined) {
      found.push({ ...stat, path: at });
    }
  }
  return { kind, name: relative(layout.root, path), files: found, folders };
}

function isThere({ files, folders }: OtherThing): boolean {
  return files.length > 0 || folders.length > 0;
}

function namesIn({ files }: Parts, folder: string, wanted?: FileKind): readonly string[] {
  const listed = files.list(folder) ?? [];
  return listed.flatMap(({ name, kind }) => (kind === (wanted ?? kind) ? name : []));
}
