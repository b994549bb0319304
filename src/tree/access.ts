/** Bytes that can be read at any position at once, for parsers that seek. */
export interface SyncAccess {
  /** In bytes. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`, fewer only at the end. */
  read(offset: number, length: number): Uint8Array;
}
