/** A FastLZ block: each match is with the last place of three equal bytes. */
export function compressFastlz(input: Uint8Array, level: 1 | 2): Uint8Array {
  const farthest = level === 1 ? 8192 : 8192 + 65_535;
  const output: number[] = [];
  const places = new Map<number, number>();
  let literals: number[] = [];
  const flush = (): void => {
    for (let at = 0; at < literals.length; at += 32) {
      const run = literals.slice(at, at + 32);
      output.push(run.length - 1, ...run);
    }
    literals = [];
  };
  const remember = (at: number): void => {
    places.set(keyAt(input, at), at);
  };
  for (let at = 0; at < input.length; ) {
    const best = at < 2 ? undefined : matchAt(input, at, places.get(keyAt(input, at)));
    if (best === undefined || best.distance > farthest) {
      literals.push(input[at] ?? 0);
      remember(at);
      at += 1;
      continue;
    }
    flush();
    output.push(...match(best.length, best.distance, level));
    for (const end = at + best.length; at < end; at += 1) remember(at);
  }
  flush();
  output[0] = (output[0] ?? 0) | ((level - 1) << 5);
  return Uint8Array.from(output);
}

function keyAt(input: Uint8Array, at: number): number {
  return (input[at] ?? 0) | ((input[at + 1] ?? 0) << 8) | ((input[at + 2] ?? 0) << 16);
}

function matchAt(
  input: Uint8Array,
  at: number,
  from: number | undefined,
): { readonly length: number; readonly distance: number } | undefined {
  if (from === undefined) return undefined;
  const most = Math.min(input.length - at, 260);
  let length = 0;
  while (length < most && input[from + length] === input[at + length]) length += 1;
  return length < 3 ? undefined : { length, distance: at - from };
}

function match(length: number, distance: number, level: 1 | 2): number[] {
  // 0x1fff says that the distance follows.
  const isFar = distance > 8191 && level === 2;
  const code = isFar ? 0x1fff : distance - 1;
  const rest = length - 9;
  const long = rest < 0 ? [] : level === 1 || rest < 255 ? [rest] : [255, rest - 255];
  const head = (Math.min(length - 2, 7) << 5) | (code >> 8);
  const far = distance - 8192;
  return [head, ...long, code & 255, ...(isFar ? [far >> 8, far & 255] : [])];
}
