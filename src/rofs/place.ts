import type { SyncAccess } from '../tree/access.ts';
import type { Content } from '../tree/tree.ts';
import { blocksOf } from './format.ts';
import type { NumberedFile } from './number.ts';

export interface RofsData {
  readonly block: number;
  readonly content: Content;
}

export interface Placed {
  /** What is not empty, ascending, each content once. */
  readonly data: readonly RofsData[];
  /** Of the files, in their order: the first block. */
  readonly starts: readonly number[];
  /** The first block behind the data. */
  readonly end: number;
}

/**
 * Gives each file its blocks, one file behind the other: in the order of their ranks, files of one rank as
 * they are given. Files of equal content share their blocks, which lie where the first of them does.
 */
export function placeShared(files: readonly NumberedFile[]): Placed {
  const data: RofsData[] = [];
  const starts = new Array<number>(files.length).fill(0);
  const place = createPlaces();
  let end = 1;
  for (const at of byRank(files)) {
    const content = files[at]?.content;
    // An empty file starts nowhere.
    if (content === undefined || content.size === 0) continue;
    const placed = place({ block: end, content });
    starts[at] = placed.block;
    if (placed.block < end) continue;
    data.push(placed);
    end += blocksOf(content.size);
  }
  return { data, starts, end };
}

/** As OSv's own generator does: each file has blocks of its own, as they come, and an empty one starts there too. */
export function placeInTurn(files: readonly NumberedFile[]): Placed {
  const data: RofsData[] = [];
  let end = 1;
  const starts = files.map(({ content }) => {
    const block = end;
    if (content.size > 0) data.push({ block, content });
    end += blocksOf(content.size);
    return block;
  });
  return { data, starts, end };
}

function byRank(files: readonly NumberedFile[]): Iterable<number> {
  const rankAt = (at: number): number => files[at]?.rank ?? 0;
  const order = files.map((_, at) => at);
  return files.some(({ rank }) => rank !== 0)
    ? order.sort((a, b) => rankAt(a) - rankAt(b) || a - b)
    : order;
}

/**
 * Equal are contents of one digest and one size. What lies in a finished file system is told by its place
 * there: to tell it by its bytes, all of them would have to be read.
 */
function createPlaces() {
  const byDigest: Shelf = new Map();
  const byAccess = new Map<SyncAccess, Shelf>();

  function shelfOf(access: SyncAccess): Shelf {
    const shelf: Shelf = byAccess.get(access) ?? new Map();
    byAccess.set(access, shelf);
    return shelf;
  }

  /** Where an equal content lies; else where this one does. */
  return (own: RofsData): RofsData => {
    const { content } = own;
    const isPlace = content.kind === 'access';
    const shelf = isPlace ? shelfOf(content.access) : byDigest;
    const known = shelf.get(isPlace ? content.offset : content.digest);
    if (known?.content.size === content.size) return known;
    if (known === undefined) shelf.set(isPlace ? content.offset : content.digest, own);
    return own;
  };
}

type Shelf = Map<string | number, RofsData>;
