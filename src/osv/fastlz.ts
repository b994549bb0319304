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
  const next = (): number => input[from++] ?? 0;

  while (from < input.length) {
    const control = from === 0 ? next() & 31 : next();
    if (control < 32) {
      const end = from + control + 1;
      if (end > input.length || to + control + 1 > size) return undefined;
      output.set(input.subarray(from, end), to);
      to += end - from;
      from = end;
      continue;
    }
    let length = (control >> 5) + 2;
    if (length === 9) length += level === 0 ? next() : longLength(next);
    const high = control & 31;
    const low = next();
    const isFar = level === 1 && high === 31 && low === 255;
    const distance = 1 + (isFar ? nearDistance + next() * 256 + next() : high * 256 + low);
    if (from > input.length || distance > to || to + length > size) return undefined;
    // The two may overlap: a run of equal bytes is a match at distance 1.
    for (const end = to + length; to < end; to += 1) output[to] = output[to - distance] ?? 0;
  }
  return to === size ? output : undefined;
}

/** Bytes of 255 go on. Past the end of the input there are only zeros. */
function longLength(next: () => number): number {
  let length = 0;
  for (;;) {
    const more = next();
    length += more;
    if (more !== 255) return length;
  }
}
