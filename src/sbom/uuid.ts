import { createHash } from 'node:crypto';

/** For names that are URLs (RFC 9562, 6.6). */
const urlNamespace = Buffer.from('6ba7b8119dad11d180b400c04fd430c8', 'hex');

/** A UUID that the same URL always gives (RFC 9562, 5.5: version 5, by SHA-1). */
export function uuidOfUrl(url: string): string {
  const hash = createHash('sha1').update(urlNamespace).update(url).digest().subarray(0, 16);
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  return hash.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
