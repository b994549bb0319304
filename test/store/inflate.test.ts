import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { defaultLimits, type Limits, StoreError } from '../../store/index.ts';
import { inflate } from '../../store/inflate/inflate.ts';
import { inflateWithBinding } from '../../store/inflate/zstd-binding.ts';
import { inflateWithNode, nodeInflatesZstd } from '../../store/inflate/zstd-node.ts';
import { inflateWithProgram, programInflatesZstd } from '../../store/inflate/zstd-program.ts';
import { inflateWithScript } from '../../store/inflate/zstd-script.ts';
import { zstdFrame } from '../support/layers.ts';

async function* pieces(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) {
    yield bytes.subarray(at, at + size);
  }
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const copies: Buffer[] = [];
  for await (const chunk of chunks) {
    copies.push(Buffer.from(chunk));
  }
  return Buffer.concat(copies);
}

const inflated = (bytes: Uint8Array, limits: Partial<Limits> = {}, size = 1000) =>
  collect(inflate(pieces(bytes, size), { ...defaultLimits, ...limits }));

const a = Buffer.concat([randomBytes(70_000), Buffer.alloc(700_000, 'a')]);
const b = Buffer.from('second');
const both = Buffer.concat([a, b]);
const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);

describe('inflate', () => {
  test.each([
    ['plain bytes', both],
    ['gzip', gzipSync(both)],
    ['gzip of two members', Buffer.concat([gzipSync(a), gzipSync(b)])],
    ['gzip with zeros behind', Buffer.concat([gzipSync(both), Buffer.alloc(20)])],
    ['zstd', zstdFrame(both)],
    ['zstd of two frames', Buffer.concat([zstdFrame(a), zstdFrame(b)])],
    ['zstd that begins with a skippable frame', Buffer.concat([skippable, zstdFrame(both)])],
  ])('gives the bytes when they are %s', async (_, blob) => {
    expect((await inflated(blob)).equals(both)).toBe(true);
    expect((await inflated(blob, {}, 2 ** 22)).equals(both)).toBe(true);
  });

  test('gives the bytes when the first ones come one by one', async () => {
    expect(await inflated(gzipSync(b), {}, 1)).toEqual(b);
    expect(await inflated(zstdFrame(b), {}, 1)).toEqual(b);
    expect(await inflated(b, {}, 1)).toEqual(b);
  });

  test('gives nothing when there is nothing', async () => {
    expect(await inflated(Buffer.alloc(0))).toHaveLength(0);
  });

  test.each([
    ['gzip is cut off', gzipSync(a).subarray(0, -9)],
    ['gzip has garbage behind', Buffer.concat([gzipSync(a), Buffer.from('garbage')])],
    ['gzip has a wrong checksum', patched(gzipSync(a), -6)],
    ['gzip is damaged', patched(gzipSync(a), 40_000)],
    ['it is xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0])],
    ['it is bzip2', Buffer.from('BZh91AY')],
  ])('fails as LAYER_CORRUPT when %s', async (_, blob) => {
    await expect(inflated(blob)).rejects.toMatchObject({ code: 'LAYER_CORRUPT' });
  });

  test('names the position when gzip is damaged', async () => {
    await expect(inflated(patched(gzipSync(a), -6), {}, 100)).rejects.toThrow(
      /near byte \d{5}: found incorrect data check, wanted a complete gzip stream/,
    );
  });

  test.each([
    ['gzip', gzipSync(Buffer.alloc(100_000))],
    ['zstd', zstdFrame(Buffer.alloc(100_000))],
    ['plain', Buffer.alloc(100_000)],
  ])('fails as LAYER_LIMIT when more comes out of %s than allowed', async (_, blob) => {
    const failed = expect(inflated(blob, { layerSize: 99_999 })).rejects;
    await failed.toMatchObject({ code: 'LAYER_LIMIT' });
  });

  test('fails as LAYER_LIMIT when it expands too much', async () => {
    const bomb = zstdFrame(Buffer.alloc(1_000_000));
    const failed = expect(inflated(bomb, { ratio: 100, ratioFloor: 500_000 })).rejects;
    await failed.toMatchObject({ code: 'LAYER_LIMIT' });
    await expect(inflated(bomb, { ratio: 100 })).resolves.toHaveLength(1_000_000);
  });

  test.each([
    ['gzip', gzipSync(a)],
    ['zstd', zstdFrame(a)],
    ['plain', a],
  ])('passes on the failure of its source when it is %s', async (_, blob) => {
    const broken = async function* () {
      yield blob.subarray(0, 5000);
      throw new StoreError('DIGEST_MISMATCH', 'the source failed');
    };
    const failed = expect(collect(inflate(broken(), defaultLimits))).rejects;
    await failed.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  test.each([
    ['gzip', gzipSync(a)],
    ['zstd', zstdFrame(a)],
    ['plain', a],
    ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0])],
  ])('closes its source when the consumer of %s stops', async (_, blob) => {
    let closed = false;
    const source = async function* () {
      try {
        yield* pieces(blob, 500);
      } finally {
        closed = true;
      }
    };
    try {
      for await (const chunk of inflate(source(), defaultLimits)) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }
    } catch (error) {
      expect(error).toBeInstanceOf(StoreError);
    }
    expect(closed).toBe(true);
  });
});

const program = await programInflatesZstd();
const ways = [
  { name: 'inflateWithBinding', way: inflateWithBinding, here: true },
  { name: 'inflateWithNode', way: inflateWithNode, here: nodeInflatesZstd },
  { name: 'inflateWithProgram', way: inflateWithProgram, here: program },
  { name: 'inflateWithScript', way: inflateWithScript, here: true },
].filter(({ here }) => here);

test('inflateWithProgram fails, and nothing else does, when the program cannot be started', async () => {
  const path = process.env['PATH'];
  process.env['PATH'] = '';
  try {
    await expect(collect(inflateWithProgram(pieces(zstdFrame(a), 1000)))).rejects.toMatchObject({
      code: 'ENOENT',
    });
  } finally {
    process.env['PATH'] = path;
  }
});

describe.each(ways)('$name', ({ way }) => {
  test.each([
    ['one frame', zstdFrame(both)],
    ['two frames', Buffer.concat([zstdFrame(a), zstdFrame(b)])],
    [
      'frames between skippable ones',
      Buffer.concat([skippable, zstdFrame(a), skippable, zstdFrame(b), skippable]),
    ],
  ])('gives the bytes when the stream is %s', async (_, blob) => {
    expect((await collect(way(pieces(blob, 777)))).equals(both)).toBe(true);
    expect((await collect(way(pieces(blob, 2 ** 22)))).equals(both)).toBe(true);
  });

  test('gives every byte when frames end where its buffers do', async () => {
    const frame = zstdFrame(Buffer.alloc(2 ** 18, 'x'));
    const bytes = await collect(way(pieces(Buffer.concat([frame, frame, frame]), 2 ** 20)));
    expect(bytes.equals(Buffer.alloc(3 * 2 ** 18, 'x'))).toBe(true);
  });

  test.each([
    ['is cut off', zstdFrame(a).subarray(0, -3)],
    ['is cut off in its second frame', Buffer.concat([zstdFrame(b), zstdFrame(a).subarray(0, 50)])],
    ['has garbage behind', Buffer.concat([zstdFrame(a), Buffer.from('garbage!')])],
    ['does not begin as zstd', patched(zstdFrame(a), 0)],
  ])('fails as LAYER_CORRUPT when the stream %s', async (_, blob) => {
    await expect(collect(way(pieces(blob, 777)))).rejects.toMatchObject({ code: 'LAYER_CORRUPT' });
  });

  test('passes on the failure of its source', async () => {
    const broken = async function* () {
      yield zstdFrame(a).subarray(0, 100);
      throw new StoreError('DIGEST_MISMATCH', 'the source failed');
    };
    await expect(collect(way(broken()))).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });
});

test.runIf(program)('inflateWithBinding refuses a window of more than 128 MiB', async () => {
  const options = { input: Buffer.alloc(1000), maxBuffer: 2 ** 20 };
  const blob = execFileSync('zstd', ['--long=30', '--stdout', '--no-content-size'], options);
  await expect(collect(inflateWithBinding(pieces(blob, 1000)))).rejects.toThrow(/memory/);
});

function patched(bytes: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const index = at < 0 ? copy.length + at : at;
  copy[index] = (copy[index] ?? 0) ^ 0xff;
  return copy;
}
