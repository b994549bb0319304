import type { Piece } from './segment.ts';

/**
 * A disk format being written; pieces come ascending and what comes in none is zeros. A piece is kept no
 * longer than until what `write` returns is done.
 */
export interface ImageWriter {
  /** Of a format that begins with where the data are: told all pieces once before the first `write`. */
  survey?(piece: Piece): void;
  write(piece: Piece): void | Promise<void>;
  /** All that can only be written once the last piece is known. */
  finish(): void | Promise<void>;
}
