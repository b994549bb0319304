/** A part of a buffer, the end not included. */
export interface Run {
  readonly start: number;
  readonly end: number;
}

const zeros = Buffer.alloc(65_536);

/**
 * The parts of `bytes` that are not zero, ascending, as long as they can be. `unit` is the least run of zeros
 * that parts them, at multiples of itself: at most 64 KiB. Only the end of `bytes` can end a run elsewhere.
 */
export function* nonZeroRuns(bytes: Buffer, unit: number): Generator<Run, void, undefined> {
  let start = 0;
  for (let at = 0; at < bytes.length; at += unit) {
    const end = Math.min(at + unit, bytes.length);
    if (!isZero(bytes, at, end)) continue;
    if (start < at) yield { start, end: at };
    start = end;
  }
  if (start < bytes.length) yield { start, end: bytes.length };
}

/** Bytes that are looked at one by one: most units differ from zero in them, and each comparison is a call. */
const probed = 64;

function isZero(bytes: Buffer, start: number, end: number): boolean {
  for (let at = Math.min(start + probed, end) - 1; at >= start; at -= 1) {
    if (bytes[at] !== 0) return false;
  }
  return bytes.compare(zeros, 0, end - start, start, end) === 0;
}

/** A part of a buffer that has the length of a unit. */
export interface Unit {
  readonly start: number;
  readonly bytes: Buffer;
}

/** The units of `bytes` that are not zero, ascending; one that the end cuts is filled up with zeros. */
export function* nonZeroUnits(bytes: Buffer, unit: number): Generator<Unit, void, undefined> {
  for (const { start, end } of nonZeroRuns(bytes, unit)) {
    for (let at = start; at < end; at += unit) {
      const part = bytes.subarray(at, Math.min(at + unit, end));
      yield { start: at, bytes: part.length === unit ? part : Buffer.concat([part], unit) };
    }
  }
}
