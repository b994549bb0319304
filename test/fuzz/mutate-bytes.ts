import { Buffer } from 'node:buffer';
import type { Random } from './random.ts';

/** Bytes at which parsers of text and of numbers turn. */
const turns = Buffer.from('\0\x01\x7f\x80\xff \n"\'/\\.,:;=-+0179{}[]@%eE', 'latin1');

/** The same bytes with one to four things done to them, whatever they mean. */
export function mutateBytes(bytes: Uint8Array, random: Random): Buffer {
  let mutated: Buffer = Buffer.from(bytes);
  for (let times = 1 + random.below(4); times > 0; times -= 1) {
    mutated = random.pick(ways)(mutated, random);
  }
  return mutated;
}

const ways: readonly ((bytes: Buffer, random: Random) => Buffer)[] = [
  flipBit,
  setByte,
  setByte,
  overwrite,
  insert,
  remove,
  repeat,
  truncate,
];

function flipBit(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length);
  if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  return bytes;
}

function setByte(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length);
  if (at < bytes.length)
    bytes[at] = random.chance(0.5) ? random.pick([...turns]) : random.below(256);
  return bytes;
}

function overwrite(bytes: Buffer, random: Random): Buffer {
  const { start, end } = range(bytes, random);
  return bytes.fill(noise(random, 1 + random.below(8)), start, end);
}

function insert(bytes: Buffer, random: Random): Buffer {
  const { start } = range(bytes, random);
  const more = noise(random, 1 + random.below(random.chance(0.1) ? 1000 : 8));
  return Buffer.concat([bytes.subarray(0, start), more, bytes.subarray(start)]);
}

function remove(bytes: Buffer, random: Random): Buffer {
  const { start, end } = range(bytes, random);
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
}

function repeat(bytes: Buffer, random: Random): Buffer {
  const { start, end } = range(bytes, random);
  const times = Array.from({ length: 1 + random.below(4) }, () => bytes.subarray(start, end));
  return Buffer.concat([bytes.subarray(0, start), ...times, bytes.subarray(start)]);
}

function truncate(bytes: Buffer, random: Random): Buffer {
  return bytes.subarray(0, random.below(bytes.length + 1));
}

function range(bytes: Buffer, random: Random): { readonly start: number; readonly end: number } {
  const start = random.below(bytes.length + 1);
  const longest = random.chance(0.2) ? bytes.length - start : Math.min(16, bytes.length - start);
  return { start, end: start + random.below(longest + 1) };
}

function noise(random: Random, length: number): Buffer {
  const same = random.chance(0.5) ? random.pick([...turns]) : undefined;
  return Buffer.from(Array.from({ length }, () => same ?? random.below(256)));
}
