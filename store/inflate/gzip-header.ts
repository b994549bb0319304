import { corruptStream } from './error.ts';
import type { Input } from './input.ts';

/** Bits of FLG (RFC 1952, 2.3.1). */
const flags = { sum: 0x02, extra: 0x04, name: 0x08, comment: 0x10, reserved: 0xe0 };

/** Deflate, the only method there is. */
const deflate = 8;

/**
 * Passes over the header of a member (RFC 1952, 2.3), which says nothing of use.
 * @throws StoreError `LAYER_CORRUPT`.
 */
export async function passGzipHeader(input: Input): Promise<void> {
  const corrupt = (found: string) => corruptStream('gzip', input.position(), found);
  const take = async (length: number) => {
    const bytes = await input.take(length);
    if (bytes === undefined) throw corrupt('unexpected end of file');
    return bytes;
  };
  const passText = async () => {
    for (;;) {
      const chunk = await input.chunk();
      if (chunk === undefined) throw corrupt('unexpected end of file');
      const end = chunk.indexOf(0);
      if (end === -1) continue;
      input.unread(chunk.subarray(end + 1));
      return;
    }
  };
  const fixed = await take(10);
  const [method, has] = [fixed.readUInt8(2), fixed.readUInt8(3)];
  if (method !== deflate) throw corrupt(`unknown compression method ${method}`);
  if (has & flags.reserved) throw corrupt('unknown header flags');
  if (has & flags.extra) await take((await take(2)).readUInt16LE());
  if (has & flags.name) await passText();
  if (has & flags.comment) await passText();
  if (has & flags.sum) await take(2);
}
