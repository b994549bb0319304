import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { type DiffID, type Digest, parseDigest } from '../digest.ts';
import type { Entry } from '../entry.ts';
import type { IndexHead } from './layer-index.ts';

/** The text of an index, as it stands in its file. */
export interface IndexText {
  readonly diffID: DiffID;
  /** Bytes of the uncompressed tar. */
  readonly size: number;
  /** How many entries there are. */
  readonly count: number;
  /** The head first. No piece is the whole of a large index: V8 makes no string of 512 MiB. */
  readonly pieces: readonly Uint8Array[];
}

export interface IndexWriter {
  /** Of the entry nothing is kept but its line. */
  add(entry: Entry): void;
  end(diffID: DiffID, size: number): IndexText;
}

/** In characters: enough that a piece costs little beside its entries. */
const pieceLength = 2 ** 20;

/** Writes an index in memory as entries come: as bytes, which the garbage collector never visits. */
export function createIndexWriter(): IndexWriter {
  const hash = createHash('sha256');
  const body: Uint8Array[] = [];
  let text = '[\n';
  let count = 0;

  function finishPiece(): void {
    const piece = Buffer.from(text);
    hash.update(piece);
    body.push(piece);
    text = '';
  }

  return {
    add(entry) {
      text += count === 0 ? JSON.stringify(entry) : `,\n${JSON.stringify(entry)}`;
      count += 1;
      if (text.length >= pieceLength) finishPiece();
    },
    end(diffID, size) {
      text += '\n]\n';
      finishPiece();
      const digest = parseDigest(`sha256:${hash.digest('hex')}`);
      const head: IndexHead = { version: 2, diffID, size, count, digest };
      return { diffID, size, count, pieces: [Buffer.from(`${JSON.stringify(head)}\n`), ...body] };
    },
  };
}

/** The digest of the whole text, head included. */
export function digestOfText({ pieces }: IndexText): Digest {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return parseDigest(`sha256:${hash.digest('hex')}`);
}
