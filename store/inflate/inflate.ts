import { Buffer } from 'node:buffer';
import { StoreError } from '../error.ts';
import { type Limits, overLimit } from '../limits.ts';
import { gzipMagic, inflateGzip } from './gzip.ts';
import { inflateZstd } from './zstd.ts';

export interface InflateOptions {
  /**
   * True for who verifies the digest of what comes out, and looks into a failure without this: sums in
   * gzip are not compared.
   */
  readonly isVerified?: boolean;
  /** Inflates gzip in the place of zlib. */
  readonly gunzip?: (source: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
}

/**
 * The bytes of a layer blob, inflated. How it is compressed is told by its first bytes (gzip,
 * zstd, else none): media types of real images are often wrong. Each chunk given out may be
 * overwritten by the next; those of `source` must stay as they are. Breaking out of the loop closes
 * `source`.
 * @throws StoreError `LAYER_CORRUPT`, and `LAYER_LIMIT` when too much comes out.
 */
export async function* inflate(
  source: AsyncIterable<Uint8Array>,
  limits: Limits,
  options: InflateOptions = {},
): AsyncGenerator<Uint8Array, void> {
  let taken = 0;
  let given = 0;
  const counted = async function* () {
    for await (const chunk of source) {
      taken += chunk.length;
      yield chunk;
    }
  };
  const input = counted();
  try {
    const { head, whole } = await peek(input, 6);
    for await (const chunk of inflaterOf(head, options)(whole, limits)) {
      given += chunk.length;
      if (given > limits.layerSize) {
        throw overLimit(action, `${given} bytes`, limits, 'layerSize');
      }
      const ratio = given / taken;
      if (given > limits.ratioFloor && ratio > limits.ratio) {
        const found = `${Math.ceil(ratio)} bytes for each of ${taken}`;
        throw overLimit(action, found, limits, 'ratio', ratio);
      }
      yield chunk;
    }
  } finally {
    await input.return(undefined);
  }
}

const action = 'inflating the layer';

const zstdMagic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
/** The first byte of a skippable frame is any of 0x50 to 0x5f. */
const skippableMagic = Buffer.from([0x2a, 0x4d, 0x18]);

/** Known, but not of the OCI image-spec, and no longer written by anything. */
const foreignMagics = new Map([
  ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])],
  ['bzip2', Buffer.from('BZh')],
]);

function inflaterOf(
  head: Buffer,
  { isVerified, gunzip = (source) => inflateGzip(source, isVerified) }: InflateOptions,
): (source: AsyncIterable<Uint8Array>, limits: Limits) => AsyncIterable<Uint8Array> {
  switch (compressionOf(head)) {
    case 'gzip':
      return gunzip;
    case 'zstd':
      return inflateZstd;
  }
  for (const [name, magic] of foreignMagics) {
    if (begins(head, magic)) {
      throw new StoreError(
        'LAYER_CORRUPT',
        `${action}: found ${name} data, wanted gzip, zstd or a plain tar`,
        { hint: 'rebuild the image with gzip or zstd layers' },
      );
    }
  }
  return (source) => source;
}

/** How a blob is compressed, told by its first four bytes; undefined for a plain one. */
export function compressionOf(head: Uint8Array): 'gzip' | 'zstd' | undefined {
  if (begins(head, gzipMagic)) {
    return 'gzip';
  }
  const skippable = begins(head, skippableMagic, 1) && ((head[0] ?? 0) & 0xf0) === 0x50;
  return begins(head, zstdMagic) || skippable ? 'zstd' : undefined;
}

function begins(head: Uint8Array, magic: Buffer, at = 0): boolean {
  return magic.equals(head.subarray(at, at + magic.length));
}

/** The first `length` bytes, or fewer when there are none, and everything from the start again. */
async function peek(
  source: AsyncGenerator<Uint8Array>,
  length: number,
): Promise<{ head: Buffer; whole: AsyncIterable<Uint8Array> }> {
  const first: Uint8Array[] = [];
  let held = 0;
  while (held < length) {
    const { value, done } = await source.next();
    if (done === true) {
      break;
    }
    first.push(value);
    held += value.length;
  }
  const whole = async function* () {
    yield* first;
    yield* source;
  };
  return { head: Buffer.concat(first).subarray(0, length), whole: whole() };
}
