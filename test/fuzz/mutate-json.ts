import { Buffer } from 'node:buffer';
import { mutateBytes } from './mutate-bytes.ts';
import type { Random } from './random.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A document with one to three of its values changed, moved, doubled or gone; or some of its bytes. */
export function mutateJson(document: Json, random: Random): Buffer {
  let mutated = structuredClone(document);
  for (let times = 1 + random.below(3); times > 0; times -= 1) {
    mutated = changed(mutated, random);
  }
  const text = Buffer.from(JSON.stringify(mutated, undefined, random.chance(0.2) ? 2 : 0));
  return random.chance(0.3) ? mutateBytes(text, random) : text;
}

/** Goes down to a value at will, and puts another in its place. */
function changed(value: Json, random: Random): Json {
  if (typeof value !== 'object' || value === null || random.chance(0.1)) {
    return replaced(value, random);
  }
  const keys = Object.keys(value);
  const key = keys.length === 0 || random.chance(0.05) ? random.pick(names) : random.pick(keys);
  if (Array.isArray(value)) {
    const at = random.below(value.length + 1);
    const inner = changed(value[at] ?? null, random);
    if (at < value.length && random.chance(0.8)) return value.with(at, inner);
    const more = Array.from({ length: random.below(4) }, () => inner);
    return value.toSpliced(at, random.below(2), ...more);
  }
  const { [key]: inner = null, ...others } = value;
  if (random.chance(0.15)) return others;
  const name = random.chance(0.1) ? random.pick([...names, ...keys]) : key;
  return { ...others, [name]: changed(inner, random) };
}

function replaced(value: Json, random: Random): Json {
  if (typeof value === 'string' && random.chance(0.6)) {
    return mutateBytes(Buffer.from(value), random).toString('utf8');
  }
  return structuredClone(random.pick(values));
}

const names = ['__proto__', 'constructor', 'length', 'toString', 'mediaType', 'digest', 'subject'];

const digest = `sha256:${'a'.repeat(64)}`;

const values: readonly Json[] = [
  ...[null, true, false, '', ' ', 'a', digest, digest.toUpperCase(), `sha512:${'b'.repeat(128)}`],
  ...[0, -0, -1, 1.5, 1e21, 2 ** 53, 2 ** 53 - 1, -(2 ** 63), 1e308, 12, '12'],
  ...['\0', '\ud800', '\u{10ffff}', '../..', '/', 'a'.repeat(5000), '%s', '__proto__'],
  ...[[], {}, [null], [[]], { a: 1 }, [1, 'a', null], deep(400)],
];

function deep(levels: number): Json {
  let value: Json = [];
  for (let level = 0; level < levels; level += 1) value = level % 2 ? [value] : { a: value };
  return value;
}
