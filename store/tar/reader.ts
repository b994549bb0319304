import { Buffer } from 'node:buffer';
import type { Entry, EntryPath, Extent } from '../entry.ts';
import type { Limits } from '../limits.ts';
import { createPlainDigest, createSparseDigest } from './content.ts';
import { corruptTar, tarOverLimit } from './error.ts';
import { blockSize, type Header, parseHeader } from './header.ts';
import { type Extension, type Member, mergeMember } from './member.ts';
import { markerOf } from './path.ts';
import { parsePax } from './pax.ts';
import { createBodyMap, extentsOf, parseGnuMapBlock, type Run } from './sparse.ts';

export interface TarReader {
  /** Takes the next bytes. They are not kept: the buffer may be used again. */
  push(chunk: Uint8Array): void;
  /** Says that there are no more. @throws StoreError `LAYER_CORRUPT` when the tar is cut off. */
  end(): void;
}

/** Takes the bytes of a file in the reader's place. */
export interface FileTaker {
  /** The buffer may be used again. */
  bytes(bytes: Uint8Array): void;
  end(): void;
}

/** What the reader waits for. */
type Step =
  /** `length` bytes at once. */
  | { readonly kind: 'gather'; readonly length: number; readonly take: (bytes: Buffer) => Step }
  /** `length` bytes as they come. */
  | {
      readonly kind: 'pass';
      readonly length: number;
      readonly take: (bytes: Buffer) => void;
      readonly done: () => Step;
    }
  /** Whatever follows the end of the tar: part of the layer's digest, never of its entries. */
  | { readonly kind: 'drain' };

/**
 * Reads a tar pushed to it in pieces of any size and tells `handler` of each entry once its bytes
 * have gone by. Reads v7, ustar, PAX and GNU archives and all their sparse files with the meaning
 * Go's archive/tar gives them, because that is what runs layers elsewhere; so a PAX global header
 * is checked but changes nothing, and reading ends at the first pair of zero blocks.
 * Files for which `take` gives a taker are not told to `handler`, and not hashed; those with holes
 * are not offered to it.
 * @throws StoreError from `push` and `end`: `LAYER_CORRUPT`, `LAYER_LIMIT`, with the position.
 */
export function createTarReader(
  handler: (entry: Entry) => void,
  limits: Limits,
  take?: (path: EntryPath, size: number) => FileTaker,
): TarReader {
  /** Bytes taken so far. */
  let position = 0;
  let entries = 0;
  let metadata = 0;
  let holes = 0;
  let extension: Extension = {};

  const header: Step = { kind: 'gather', length: blockSize, take: onHeader };
  const secondZero: Step = { kind: 'gather', length: blockSize, take: onSecondZero };
  let step: Step = header;
  /** Of a `gather`, the bytes that came in earlier chunks; of a `pass`, only their number. */
  let held = Buffer.alloc(blockSize);
  let taken = 0;

  function onHeader(block: Buffer): Step {
    if (isZero(block)) {
      return secondZero;
    }
    const parsed = parseHeader(block, position - blockSize);
    switch (parsed.type) {
      case 'x':
        return extended(parsed, (body) => ({ ...extension, pax: parsePax(body, parsed.position) }));
      case 'g':
        return extended(parsed, (body) => {
          parsePax(body, parsed.position);
          return {};
        });
      case 'L':
        return extended(parsed, (body) => ({ ...extension, name: untilNul(body) }));
      case 'K':
        return extended(parsed, (body) => ({ ...extension, link: untilNul(body) }));
      default: {
        const member = mergeMember(parsed, extension, limits);
        extension = {};
        count(member);
        return onMember(member);
      }
    }
  }

  function onSecondZero(block: Buffer): Step {
    if (!isZero(block)) {
      throw corruptTar(position - blockSize, 'a header after a single zero block', 'a second one');
    }
    refuseDangling();
    return { kind: 'drain' };
  }

  /** The body of an extended header, whole: it is small, or it is refused. */
  function extended({ size, position: at }: Header, read: (body: Buffer) => Extension): Step {
    if (size > limits.extendedHeader) {
      throw tarOverLimit(at, `an extended header of ${size} bytes`, `${limits.extendedHeader}`);
    }
    return gather(padded(size), (body) => {
      extension = read(body.subarray(0, size));
      return header;
    });
  }

  function onMember(member: Member): Step {
    const { entry, sparse, stored, position: at } = member;
    if (entry.kind !== 'file') {
      emit(member, entry);
      return header;
    }
    switch (sparse?.kind) {
      case undefined:
        return plainFile(member);
      case 'pax':
        return sparseFile(member, sparse.realSize, sparse.runs, stored);
      case 'body': {
        const map = createBodyMap(at, limits.extendedHeader);
        const before = position;
        const next: Step = gather(blockSize, (block) => {
          const runs = map(block);
          return runs === undefined
            ? next
            : sparseFile(member, sparse.realSize, runs, stored - (position - before));
        });
        return next;
      }
      case 'gnu': {
        const runs = [...sparse.runs];
        const next: Step = gather(blockSize, (block) => {
          const more = parseGnuMapBlock(block, at);
          runs.push(...more.runs);
          if (runs.length * 24 > limits.extendedHeader) {
            throw tarOverLimit(
              at,
              `a sparse map of ${runs.length} runs`,
              `${limits.extendedHeader} bytes`,
            );
          }
          return more.continues ? next : sparseFile(member, sparse.realSize, runs, stored);
        });
        return sparse.continues ? next : sparseFile(member, sparse.realSize, runs, stored);
      }
    }
  }

  function plainFile(member: Member): Step {
    const { entry, stored: size } = member;
    const taker = take?.(member.path, size);
    if (taker !== undefined) return body(size, taker.bytes, taker.end);
    const content = createPlainDigest(size);
    const offset = position;
    return body(size, content.update, () => {
      emit(member, { ...entry, kind: 'file', size, offset, digest: content.digest() });
    });
  }

  function sparseFile(member: Member, size: number, runs: readonly Run[], stored: number): Step {
    const { entry, position: at } = member;
    const offset = position;
    const extents: readonly Extent[] = extentsOf(runs, size, offset, stored, at);
    charge(24 * extents.length, at);
    holes += size - stored;
    if (holes > limits.holes) {
      throw tarOverLimit(at, `sparse files with ${holes} bytes of zeros`, `${limits.holes}`);
    }
    const content = createSparseDigest(size, extents);
    return body(stored, content.update, () => {
      emit(member, { ...entry, kind: 'file', size, offset, digest: content.digest(), extents });
    });
  }

  function body(size: number, take: (bytes: Buffer) => void, end: () => void): Step {
    return pass(size, take, () => {
      end();
      return pass(padded(size) - size, ignore, () => header);
    });
  }

  function count({ cost, position: at }: Member): void {
    entries += 1;
    if (entries > limits.entries) {
      throw tarOverLimit(at, `entry number ${entries}`, `${limits.entries}`);
    }
    charge(cost, at);
  }

  function charge(bytes: number, at: number): void {
    metadata += bytes;
    if (metadata > limits.metadata) {
      throw tarOverLimit(at, `${metadata} bytes of names and attributes`, `${limits.metadata}`);
    }
  }

  function emit({ path, position: at }: Member, entry: Entry): void {
    const marker = markerOf(path, at);
    if (marker !== 'aufs') {
      handler(marker ?? entry);
    }
  }

  function refuseDangling(): void {
    if (Object.keys(extension).length > 0) {
      throw corruptTar(position, 'the end after an extended header', 'the member it speaks of');
    }
  }

  /** Gives bytes of `chunk` from `at` on to the current step; returns how many it took. */
  function feed(chunk: Buffer, at: number): number {
    if (step.kind === 'drain') {
      return chunk.length - at;
    }
    const length = Math.min(step.length - taken, chunk.length - at);
    const bytes = chunk.subarray(at, at + length);
    position += length;
    const complete = taken + length === step.length;
    if (step.kind === 'pass') {
      step.take(bytes);
      taken += length;
      if (complete) {
        begin(step.done());
      }
    } else if (taken === 0 && complete) {
      begin(step.take(bytes));
    } else {
      hold(bytes, step.length);
      if (complete) {
        begin(step.take(held.subarray(0, step.length)));
      }
    }
    return length;
  }

  function hold(bytes: Buffer, length: number): void {
    if (held.length < length) {
      held = Buffer.alloc(length);
    }
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
      for (let at = 0; at < buffer.length; ) {
        at += feed(buffer, at);
      }
    },
    end() {
      const between = (step === header || step === secondZero) && taken === 0;
      if (step.kind !== 'drain' && !between) {
        throw corruptTar(
          position,
          'the end of the tar in the middle of a member',
          'the rest of it',
        );
      }
      refuseDangling();
    },
  };
}

function gather(length: number, take: (bytes: Buffer) => Step): Step {
  return length === 0 ? take(Buffer.alloc(0)) : { kind: 'gather', length, take };
}

function pass(length: number, take: (bytes: Buffer) => void, done: () => Step): Step {
  return length === 0 ? done() : { kind: 'pass', length, take, done };
}

function padded(size: number): number {
  return Math.ceil(size / blockSize) * blockSize;
}

function isZero(block: Buffer): boolean {
  return block.equals(zeroBlock);
}

const zeroBlock = Buffer.alloc(blockSize);

function ignore(): void {}

/** A copy: the body it is taken from may be overwritten. */
function untilNul(body: Buffer): Buffer {
  const end = body.indexOf(0);
  return Buffer.from(end === -1 ? body : body.subarray(0, end));
}
