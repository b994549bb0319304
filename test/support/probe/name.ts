/**
 * Names as the boot probe prints them. A decoder of its own, on purpose: the probe checks the
 * converter and must not share a mistake with it.
 */

/** Undoes \xHH; all else in the text is printable ASCII and stands for itself. */
export function unescapeBytes(text: string): Uint8Array {
  if (!/^(?:[ -[\]-~]|\\x[0-9a-f]{2})*$/.test(text)) {
    throw new Error(`probe report has a badly escaped text: ${JSON.stringify(text.slice(0, 200))}`);
  }
  const plain = text.replace(/\\x(..)/g, (_, hex: string) =>
    String.fromCharCode(Number(`0x${hex}`)),
  );
  // Not a Buffer: test matchers tell the two apart.
  return new Uint8Array(Buffer.from(plain, 'latin1'));
}

/**
 * UTF-8 to string; each byte that is part of no valid sequence becomes the lone surrogate
 * U+DC00 + byte (PEP 383, "surrogateescape").
 */
export function decodeName(bytes: Uint8Array): string {
  let text = '';
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at);
    if (length === 0) {
      text += String.fromCharCode(0xdc00 + (bytes[at] ?? 0));
      at += 1;
    } else {
      text += Buffer.from(bytes.subarray(at, at + length)).toString('utf8');
      at += length;
    }
  }
  return text;
}

/** Of the valid sequence that begins at `at`, by the table in RFC 3629 section 4; 0 if none does. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  const second = bytes[at + 1] ?? 0;
  const tail = (index: number): boolean => ((bytes[at + index] ?? 0) & 0xc0) === 0x80;
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    // Neither a longer form than needed nor a surrogate.
    const low = first === 0xe0 ? 0xa0 : 0x80;
    const high = first === 0xed ? 0x9f : 0xbf;
    return second >= low && second <= high && tail(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    // Nor a code point past U+10FFFF.
    const low = first === 0xf0 ? 0x90 : 0x80;
    const high = first === 0xf4 ? 0x8f : 0xbf;
    return second >= low && second <= high && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}
