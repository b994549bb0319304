import { Buffer } from 'node:buffer';

/** Bytes that come in chunks, read in whatever pieces a format is made of. */
export interface Input {
  /** Bytes given out so far, less those given back. */
  position(): number;
  /** The next `length` bytes, which stay the next ones; fewer at the end. */
  peek(length: number): Promise<Buffer>;
  /** The next `length` bytes, or undefined where fewer are left. */
  take(length: number): Promise<Buffer | undefined>;
  /** What is held of a chunk, else the next one; undefined at the end. */
  chunk(): Promise<Uint8Array | undefined>;
  /** Gives back the end of what was given out last. */
  unread(bytes: Uint8Array): void;
}

export function createInput(source: AsyncIterator<Uint8Array>): Input {
  let held: Uint8Array = Buffer.alloc(0);
  let position = 0;

  const fill = async (length: number): Promise<void> => {
    while (held.length < length) {
      const { value, done } = await source.next();
      if (done) return;
      held = held.length === 0 ? value : Buffer.concat([held, value]);
    }
  };

  const first = (length: number): Buffer =>
    Buffer.from(held.buffer, held.byteOffset, Math.min(length, held.length));

  const drop = (length: number): void => {
    held = held.subarray(length);
    position += length;
  };

  return {
    position: () => position,
    async peek(length) {
      await fill(length);
      return first(length);
    },
    async take(length) {
      await fill(length);
      if (held.length < length) return undefined;
      const bytes = first(length);
      drop(length);
      return bytes;
    },
    async chunk() {
      await fill(1);
      if (held.length === 0) return undefined;
      const bytes = held;
      drop(bytes.length);
      return bytes;
    },
    unread(bytes) {
      held = held.length === 0 ? bytes : Buffer.concat([bytes, held]);
      position -= bytes.length;
    },
  };
}
