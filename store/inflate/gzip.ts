import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { inflateBody } from './deflate.ts';
import { corruptStream } from './error.ts';
import { passGzipHeader } from './gzip-header.ts';
import { createInput, type Input } from './input.ts';

/** A member begins with these (RFC 1952, 2.3.1). */
export const gzipMagic = Buffer.from([0x1f, 0x8b]);

/**
 * Inflates gzip (RFC 1952), members one after the other included. What follows the last of them and
 * does not begin as a member is passed over, as gzip and unpigz do, with which docker unpacks: layers
 * with such bytes run there. Nothing can hide in them: the digests of the blob and of what comes out
 * are both verified. Node's gunzip is not used: such bytes make it fail or not, and lose what came
 * before them or not, by what they are, how they are cut into chunks, and its version.
 * Where what comes out `isVerified`, of the sums in it only the lengths are compared.
 * @throws StoreError `LAYER_CORRUPT`.
 */
export async function* inflateGzip(
  source: AsyncIterable<Uint8Array>,
  isVerified = false,
): AsyncGenerator<Uint8Array, void> {
  const input = createInput(source[Symbol.asyncIterator]());
  do {
    await passGzipHeader(input);
    yield* inflateMember(input, isVerified);
  } while (gzipMagic.equals(await input.peek(gzipMagic.length)));
  while ((await input.chunk()) !== undefined) {
    // To the end: a source may have something to say there.
  }
}

/** The deflate data, and the trailer that they are compared with. */
async function* inflateMember(input: Input, isVerified: boolean): AsyncGenerator<Uint8Array, void> {
  let sum = 0;
  let size = 0;
  for await (const bytes of inflateBody(input)) {
    if (!isVerified) sum = crc32(bytes, sum);
    size += bytes.length;
    yield bytes;
  }
  const corrupt = (found: string) => corruptStream('gzip', input.position(), found);
  const trailer = await input.take(8);
  if (trailer === undefined) throw corrupt('unexpected end of file');
  if (!isVerified && trailer.readUInt32LE(0) !== sum) throw corrupt('incorrect data check');
  if (trailer.readUInt32LE(4) !== size % 2 ** 32) throw corrupt('incorrect length check');
}
