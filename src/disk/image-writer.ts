import type { Piece } from './segment.ts';

/** A disk format being written; pieces come ascending and what comes in none is zeros. */
export interface ImageWriter {
  write(piece: Piece): void;
  /** All that can only be written once the last piece is known. */
  finish(): void;
}
