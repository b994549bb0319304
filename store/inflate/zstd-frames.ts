import { Buffer } from 'node:buffer';
import { StoreError } from '../error.ts';
import { type Limits, overLimit } from '../limits.ts';
import { corruptStream } from './error.ts';

/**
 * Passes zstd on while it goes from frame to frame (RFC 8878, 3.1.1). The ways there are to inflate
 * differ in what window they take, in what they let pass behind the last frame, and whether they
 * notice that a frame is cut off; here it is decided for all of them.
 * @throws StoreError `LAYER_LIMIT` before a frame that wants a larger window than `limits` have;
 * `LAYER_CORRUPT` for bytes that are no frame, and at the end of a stream that is cut off.
 */
export async function* wholeFrames(
  source: AsyncIterable<Uint8Array>,
  limits: Limits,
): AsyncGenerator<Uint8Array, void> {
  const walk = createWalk((window) => {
    if (window <= limits.zstdWindow) return;
    const found = `a frame of zstd that wants a window of ${window} bytes`;
    throw overLimit('inflating the layer', found, limits, 'zstdWindow', window);
  });
  for await (const chunk of source) {
    walk.push(chunk);
    yield chunk;
  }
  walk.end();
}

/** The power of two that holds the largest window allowed; 10 and 31 are the bounds of zstd itself. */
export function windowLogOf({ zstdWindow }: Limits): number {
  return Math.min(Math.max(Math.ceil(Math.log2(zstdWindow)), 10), 31);
}

/** Bytes that are wanted, or only to be passed over. */
interface Request {
  readonly length: number;
  readonly isPassed: boolean;
}

const take = (length: number): Request => ({ length, isPassed: false });
const pass = (length: number): Request => ({ length, isPassed: true });
const nextFrame = take(4);

/** Between frames it wants the four bytes of a magic number. */
function* walkFrames(onWindow: (size: number) => void): Generator<Request, never, Buffer> {
  for (;;) {
    const magic = (yield nextFrame).readUInt32LE();
    if (magic >>> 4 === skippableMagic) {
      yield pass((yield take(4)).readUInt32LE());
      continue;
    }
    if (magic !== frameMagic) throw new Error('bytes that begin no frame');
    const descriptor = (yield take(1)).readUInt8();
    const isSingle = (descriptor & 0x20) !== 0;
    const window = isSingle ? undefined : windowOf((yield take(1)).readUInt8());
    yield pass([0, 1, 2, 4][descriptor & 0x03] ?? 0);
    const size = sizeOf(yield take([isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0));
    onWindow(window ?? size);
    for (let isLast = false; !isLast; ) {
      const block = (yield take(3)).readUIntLE(0, 3);
      isLast = (block & 0x01) !== 0;
      yield pass(((block >> 1) & 0x03) === repeatedByte ? 1 : block >> 3);
    }
    yield pass((descriptor & 0x04) !== 0 ? 4 : 0);
  }
}

const frameMagic = 0xfd2fb528;
/** Without its last four bits, which are anything. */
const skippableMagic = 0x184d2a5;
/** The type of a block that is one byte, however long it says it is. */
const repeatedByte = 1;

/** "Window Descriptor". */
function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 0x07);
}

/** "Frame Content Size", which is the window of a frame of a single segment. */
function sizeOf(field: Buffer): number {
  switch (field.length) {
    case 0:
      return 0;
    case 2:
      return field.readUInt16LE() + 256;
    case 8:
      return Number(field.readBigUInt64LE());
    default:
      return field.readUIntLE(0, field.length);
  }
}

interface Walk {
  push(chunk: Uint8Array): void;
  end(): void;
}

function createWalk(onWindow: (size: number) => void): Walk {
  const frames = walkFrames(onWindow);
  const held = Buffer.alloc(8);
  let request = frames.next().value;
  let done = 0;
  let position = 0;
  const step = (): void => {
    try {
      request = frames.next(held.subarray(0, request.isPassed ? 0 : done)).value;
    } catch (error) {
      throw error instanceof StoreError ? error : corruptStream('zstd', position, error);
    }
    done = 0;
  };
  return {
    push(chunk) {
      for (let at = 0; ; ) {
        const length = Math.min(request.length - done, chunk.length - at);
        if (!request.isPassed) held.set(chunk.subarray(at, at + length), done);
        at += length;
        done += length;
        position += length;
        if (done < request.length) return;
        step();
      }
    },
    end() {
      if (request === nextFrame && done === 0) return;
      throw corruptStream('zstd', position, 'the end in the middle of a frame');
    },
  };
}
