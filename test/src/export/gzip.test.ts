import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { gzipped } from '../../../src/export/gzip.ts';

async function* pieces(count: number): AsyncGenerator<Uint8Array> {
  for (let number = 0; number < count; number += 1) yield Buffer.alloc(100_000, `${number}`);
}

async function allOf(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of bytes) all.push(piece);
  return Buffer.concat(all);
}

describe('gzipped', () => {
  it('gives what gunzip undoes, the same each time', async () => {
    const [one, two] = [await allOf(gzipped(pieces(30))), await allOf(gzipped(pieces(30)))];
    expect(one.equals(two)).toBe(true);
    expect(gunzipSync(one).equals(await allOf(pieces(30)))).toBe(true);
  });

  it('fails as its source does', async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield* pieces(3);
      throw new Error('no more');
    }
    await expect(allOf(gzipped(failing()))).rejects.toThrow('no more');
  });

  it('ends its source when nobody wants more', async () => {
    let isEnded = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield Buffer.from(Array.from({ length: 50_000 }, (_, at) => (at * at) % 251));
      } finally {
        isEnded = true;
      }
    }
    for await (const _piece of gzipped(source())) break;
    await expect.poll(() => isEnded).toBe(true);
  });
});
