import { Buffer } from 'node:buffer';
import { blockSize } from './header.ts';

/** What a reader of a tar waits for. The bytes it is given may be overwritten afterwards. */
export type Step =
  /** `length` bytes at once. */
  | {
      readonly kind: 'gather';
      readonly length: number;
      readonly take: (bytes: Buffer) => Step;
      /** Whether the tar may end here, before the first of them. */
      readonly mayEnd?: true;
    }
  /** `length` bytes as they come. */
  | {
      readonly kind: 'pass';
      readonly length: number;
      readonly take: (bytes: Buffer) => void;
      readonly done: () => Step;
      /** Whether the tar may end anywhere in them. */
      readonly mayEnd?: true;
    }
  /** Whatever follows the end of the tar: part of the layer's digest, never of its entries. */
  | { readonly kind: 'drain' };

export interface Steps {
  /** Takes the next bytes. They are not kept: the buffer may be used again. */
  push(chunk: Uint8Array): void;
  /** Bytes taken so far, those of the step that is being done included. */
  position(): number;
  mayEnd(): boolean;
}

/** Cuts what is pushed, in pieces of any size, into what one step after the other waits for. */
export function createSteps(first: Step): Steps {
  let step = first;
  let position = 0;
  /** Of a `gather`, the bytes that came in earlier chunks; of a `pass`, only their number. */
  let held = Buffer.alloc(blockSize);
  let taken = 0;

  /** Gives bytes of `chunk` from `at` on to the current step; returns how many it took. */
  function feed(chunk: Buffer, at: number): number {
    if (step.kind === 'drain') return chunk.length - at;
    const length = Math.min(step.length - taken, chunk.length - at);
    const bytes = chunk.subarray(at, at + length);
    position += length;
    const complete = taken + length === step.length;
    if (step.kind === 'pass') {
      step.take(bytes);
      taken += length;
      if (complete) begin(step.done());
    } else if (taken === 0 && complete) {
      begin(step.take(bytes));
    } else {
      hold(bytes, step.length);
      if (complete) begin(step.take(held.subarray(0, step.length)));
    }
    return length;
  }

  function hold(bytes: Buffer, length: number): void {
    if (held.length < length) held = Buffer.alloc(length);
    held.set(bytes, taken);
    taken += bytes.length;
  }

  function begin(next: Step): void {
    step = next;
    taken = 0;
  }

  return {
    push(chunk) {
      const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      for (let at = 0; at < buffer.length; ) at += feed(buffer, at);
    },
    position: () => position,
    mayEnd: () =>
      step.kind === 'drain' || (step.mayEnd === true && (step.kind === 'pass' || taken === 0)),
  };
}

export function gather(length: number, take: (bytes: Buffer) => Step): Step {
  return length === 0 ? take(Buffer.alloc(0)) : { kind: 'gather', length, take };
}

export function pass(length: number, take: (bytes: Buffer) => void, done: () => Step): Step {
  return length === 0 ? done() : { kind: 'pass', length, take, done };
}

/** Passes over `length` bytes. */
export function skip(length: number, next: Step): Step {
  return pass(
    length,
    () => {},
    () => next,
  );
}

/** What fills the last block of a body of `size` bytes. Writers that do not end their tar leave it out. */
export function padding(size: number, next: Step): Step {
  const length = padded(size) - size;
  return length === 0
    ? next
    : { kind: 'pass', length, take: () => {}, done: () => next, mayEnd: true };
}

/** What `size` bytes take with their padding. */
export function padded(size: number): number {
  return Math.ceil(size / blockSize) * blockSize;
}

export function isZero(block: Buffer): boolean {
  return block.equals(zeroBlock);
}

const zeroBlock = Buffer.alloc(blockSize);
