/** Distances above this take two bytes more (FastLZ, level 2). */
const nearDistance = 8191;

/**
 * Decompresses a FastLZ block of level 1 or 2 to exactly `size` bytes.
 *
 * A block is a row of runs of 1 to 32 literal bytes (control byte below 32) and of matches: 3 bits of
 * length, 13 of distance, either longer by bytes that follow. Bits 5 to 7 of the first byte, which
 * begins a run, are the level less one.
 * @returns undefined for what is no such block, or one of another size.
 */
export function decompressFastlz(input: Uint8Array, size: number): Uint8Array | undefined {
  const level = (input[0] ?? 0) >> 5;
  if (level > 1) return undefined;
  const output = new Uint8Array(size);
  let from = 0;
  let to = 0;

  while (from < input.length) {
    const control = from === 0 ? byteAt(input, from++) & 31 : byteAt(input, from++);
    if (control < 32) {
      const end = from + control + 1;
      if (end > input.length || to + control + 1 > size) return undefined;
      // Byte by byte: a run is short, and a view of it dearer than the bytes.
      while (from < end) output[to++] = byteAt(input, from++);
      continue;
    }
    let length = (control >> 5) + 2;
    if (length === 9) {
      let more = byteAt(input, from++);
      length += more;
      while (level === 1 && more === 255) length += more = byteAt(input, from++);
    }
    let distance = 1 + ((control & 31) << 8) + byteAt(input, from++);
    if (level === 1 && distance === nearDistance + 1) {
      distance += (byteAt(input, from) << 8) + byteAt(input, from + 1);
      from += 2;
    }
    if (from > input.length || distance > to || to + length > size) return undefined;
    // The two may overlap: a run of equal bytes is a match at distance 1.
    for (const end = to + length; to < end; to += 1) output[to] = output[to - distance] ?? 0;
  }
  return to === size ? output : undefined;
}

/** Past the end there are only zeros. */
function byteAt(input: Uint8Array, at: number): number {
  return input[at] ?? 0;
}
