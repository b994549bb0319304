import { Buffer, isUtf8 } from 'node:buffer';

/*
 * Names in a tar are bytes. Here they are strings in which every byte that is not part of valid
 * UTF-8 stands as one lone surrogate, U+DC00 plus the byte (U+DC80 to U+DCFF), the way PEP 383
 * does it. Encoded surrogates (CESU-8) and overlong forms are not valid UTF-8 and are carried
 * byte by byte, so that every byte string survives the round trip.
 */

/** In bytes of UTF-8: as many of two names that are not one character tell them apart. */
const longestCharacter = 4;

const escapedByte = /([\udc80-\udcff])/u;

/** The string that carries `bytes`; `encodeName` gives exactly those bytes back. */
export function decodeName(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) {
    return buffer.toString('utf8');
  }
  let name = '';
  let validFrom = 0;
  let at = 0;
  while (at < buffer.length) {
    const length = sequenceLength(buffer, at);
    if (length > 0) {
      at += length;
      continue;
    }
    name += buffer.toString('utf8', validFrom, at);
    name += String.fromCharCode(0xdc00 + buffer.readUInt8(at));
    at += 1;
    validFrom = at;
  }
  return name + buffer.toString('utf8', validFrom);
}

/** The bytes of a name. Surrogates that `decodeName` never makes become U+FFFD. */
export function encodeName(name: string): Uint8Array {
  if (!escapedByte.test(name)) {
    return Buffer.from(name, 'utf8');
  }
  const parts = name.split(escapedByte);
  return Buffer.concat(
    parts.map((part, index) =>
      index % 2 === 0 ? Buffer.from(part, 'utf8') : Buffer.of(part.charCodeAt(0) - 0xdc00),
    ),
  );
}

/** Orders names by their bytes: below zero when `a` comes first, zero when they are equal. */
export function compareNames(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let at = 0; at < shorter; at += 1) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left !== right) {
      // Below the surrogates UTF-16 and UTF-8 agree on the order; from there on they do not.
      return left < 0xd800 && right < 0xd800 ? left - right : compareBytes(a, b, at);
    }
  }
  return a.length - b.length;
}

/** Of names that are equal up to the surrogate at `at`: hostile ones may go on for long on either side. */
function compareBytes(a: string, b: string, at: number): number {
  const isInPair = (a.charCodeAt(at - 1) & 0xfc00) === 0xd800;
  const from = isInPair ? at - 1 : at;
  const few = from + longestCharacter;
  return Buffer.compare(encodeName(a.slice(from, few)), encodeName(b.slice(from, few)));
}

/** Bytes of the well-formed sequence at `at` (Unicode 15, table 3-7), or 0 when there is none. */
function sequenceLength(bytes: Buffer, at: number): number {
  const lead = bytes.readUInt8(at);
  if (lead < 0x80) {
    return 1;
  }
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  return isUtf8(bytes.subarray(at, at + length)) ? length : 0;
}
