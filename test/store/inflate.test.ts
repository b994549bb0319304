import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { defaultLimits, type Limits, StoreError } from '../../store/index.ts';
import { inflate } from '../../store/inflate/inflate.ts';
import { inflateWithBinding } from '../../store/inflate/zstd-binding.ts';
import { wholeFrames } from '../../store/inflate/zstd-frames.ts';
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
const zeros = Buffer.alloc(5);
const skippable = skippableFrame(0x5a, Buffer.from([1, 2, 3]));

function skippableFrame(firstByte: number, body: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length);
  return Buffer.concat([Buffer.from([firstByte, 0x2a, 0x4d, 0x18]), length, body]);
}

/**
 * What podman writes as zstd:chunked: frames of data, then in skippable frames a table of contents,
 * the headers of the tar, and a footer that says where they are.
 */
function zstdChunked(parts: readonly Uint8Array[]): Buffer {
  const data = Buffer.concat(parts.map((part) => zstdFrame(part)));
  const manifest = zstdFrame(Buffer.from('{"version":1,"entries":[]}'));
  const tarSplit = zstdFrame(Buffer.from('{"type":2,"payload":""}\n'));
  const manifestAt = data.length + 8;
  const numbers = [manifestAt, manifest.length, 26, 1];
  const tarSplitAt = manifestAt + manifest.length + 8;
  numbers.push(tarSplitAt, tarSplit.length, 24);
  const footer = Buffer.alloc(64);
  numbers.forEach((value, at) => {
    footer.writeBigUInt64LE(BigInt(value), 8 * at);
  });
  footer.write('GNUlInUx', 56);
  const tables = [manifest, tarSplit, footer].map((table) => skippableFrame(0x50, table));
  return Buffer.concat([data, ...tables]);
}

/** A gzip member with every field that a header may have. */
function gzipWithAllFields(bytes: Uint8Array): Buffer {
  const plain = gzipSync(bytes);
  const fields = Buffer.from('\x03\x00abcname\0comment\0\x00\x00', 'latin1');
  const head = Buffer.from(plain.subarray(0, 10));
  head[3] = 0x02 | 0x04 | 0x08 | 0x10;
  return Buffer.concat([head, fields, plain.subarray(10)]);
}

describe('inflate', () => {
  test.each([
    ['plain bytes', both],
    ['gzip', gzipSync(both)],
    ['gzip of two members', Buffer.concat([gzipSync(a), gzipSync(b)])],
    ['gzip with every field in its header', gzipWithAllFields(both)],
    ['gzip with an empty member', Buffer.concat([gzipSync(''), gzipSync(both), gzipSync('')])],
    ['gzip with zeros behind', Buffer.concat([gzipSync(both), Buffer.alloc(2000)])],
    ['gzip with text behind', Buffer.concat([gzipSync(both), Buffer.from('garbage')])],
    ['gzip with one byte behind', Buffer.concat([gzipSync(both), Buffer.from('g')])],
    ['gzip with half a magic behind', Buffer.concat([gzipSync(both), Buffer.from([0x1f])])],
    ['gzip with a wrong magic behind', Buffer.concat([gzipSync(both), Buffer.from([0x1f, 1])])],
    ['gzip with zeros and a member behind', Buffer.concat([gzipSync(both), zeros, gzipSync(b)])],
    ['gzip with long garbage behind', Buffer.concat([gzipSync(both), Buffer.alloc(2 ** 21, 'g')])],
    ['gzip of two members with garbage behind', Buffer.concat([gzipSync(a), gzipSync(b), zeros])],
    ['zstd', zstdFrame(both)],
    ['zstd of two frames', Buffer.concat([zstdFrame(a), zstdFrame(b)])],
    ['zstd that begins with a skippable frame', Buffer.concat([skippable, zstdFrame(both)])],
    ['zstd:chunked', zstdChunked([a.subarray(0, 80_000), a.subarray(80_000), b])],
  ])('gives the bytes when they are %s', async (_, blob) => {
    for (const size of [1000, 2 ** 14, 2 ** 22]) {
      expect((await inflated(blob, {}, size)).equals(both)).toBe(true);
    }
  });

  test('gives the bytes of many short members', async () => {
    const blob = Buffer.concat(Array.from({ length: 300 }, (_, n) => gzipSync(`member ${n},`)));
    const whole = Array.from({ length: 300 }, (_, n) => `member ${n},`).join('');
    for (const size of [1, 7, 1000, 2 ** 20]) {
      expect((await inflated(blob, {}, size)).toString()).toBe(whole);
    }
  });

  test('fails as LAYER_CORRUPT wherever gzip of two members is cut off', async () => {
    const blob = Buffer.concat([gzipWithAllFields(b), gzipSync(b)]);
    const end = blob.length - gzipSync(b).length;
    for (let length = 2; length < blob.length; length += 1) {
      const cut = inflated(blob.subarray(0, length), {}, 5);
      // Between members it is whole; behind half a magic number there is no more than a byte lost.
      if (length === end || length === end + 1) expect(await cut).toEqual(b);
      else await expect(cut).rejects.toMatchObject({ code: 'LAYER_CORRUPT' });
    }
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
    ['gzip has a wrong checksum', patched(gzipSync(a), -6)],
    ['gzip has a wrong length', patched(gzipSync(a), -2)],
    ['short gzip has a wrong checksum', patched(gzipSync(b), -6)],
    ['gzip has another method', patched(gzipSync(b), 2)],
    ['gzip has flags that mean nothing', patched(gzipSync(b), 3)],
    ['gzip has a bad member behind', Buffer.concat([gzipSync(a), Buffer.from([0x1f, 0x8b, 9])])],
    ['zstd has garbage behind', Buffer.concat([zstdFrame(a), Buffer.from('garbage')])],
    ['zstd has a few bytes behind', Buffer.concat([zstdFrame(a), Buffer.from('g')])],
    ['zstd has zeros behind', Buffer.concat([zstdFrame(a), Buffer.alloc(8)])],
    ['zstd is cut off', zstdFrame(a).subarray(0, -3)],
    ['gzip is damaged', patched(gzipSync(a), 40_000)],
    ['it is xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0])],
    ['it is bzip2', Buffer.from('BZh91AY')],
  ])('fails as LAYER_CORRUPT when %s', async (_, blob) => {
    await expect(inflated(blob)).rejects.toMatchObject({ code: 'LAYER_CORRUPT' });
  });

  test('compares the lengths, but not the sums, of gzip when what comes out is verified', async () => {
    const verified = (bytes: Uint8Array) =>
      collect(inflate(pieces(bytes, 1000), defaultLimits, { isVerified: true }));
    const wrongSum = Buffer.from(gzipSync(a));
    wrongSum.writeUInt32LE(0, wrongSum.length - 8);
    expect((await verified(wrongSum)).equals(a)).toBe(true);
    await expect(inflated(wrongSum)).rejects.toThrow('incorrect data check');
    const wrongLength = Buffer.from(gzipSync(a));
    wrongLength.writeUInt32LE(0, wrongLength.length - 4);
    await expect(verified(wrongLength)).rejects.toThrow('incorrect length check');
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
    await failed.toMatchObject({
      code: 'LAYER_LIMIT',
      hint: 'osv-convert pull --limit layerSize=199998 IMAGE',
    });
  });

  test.each([
    ['gzip', gzipSync(Buffer.alloc(2 ** 24))],
    ['gzip of many members', Buffer.concat(new Array(40).fill(gzipSync(Buffer.alloc(2 ** 20))))],
    ['zstd', zstdFrame(Buffer.alloc(2 ** 24))],
  ])('fails as LAYER_LIMIT at the usual ratio when %s is a bomb', async (_, bomb) => {
    await expect(inflated(bomb, { ratioFloor: 2 ** 22 })).rejects.toMatchObject({
      code: 'LAYER_LIMIT',
      message: expect.stringMatching(/found \d+ bytes for each of \d+, wanted at most 500 /),
    });
    expect((await inflated(bomb)).length).toBeGreaterThanOrEqual(2 ** 24);
  });

  test('names the window, and what would let it in, when zstd wants one that is too large', async () => {
    const frame = (byte: number) =>
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, byte, 0x01, 0x00, 0x00]);
    const mebibytes = 2 ** 20;
    // RFC 8878, "Window Descriptor": an exponent of 5 bits over 2^10, and eighths.
    for (const [byte, window, limit] of [
      [17 << 3, 128 * mebibytes, 128 * mebibytes],
      [(17 << 3) | 1, 144 * mebibytes, 128 * mebibytes],
      [20 << 3, 1024 * mebibytes, 128 * mebibytes],
      [0, 1024, 1000],
    ] as const) {
      const blob = Buffer.concat([zstdFrame(b), skippable, frame(byte)]);
      const read = inflated(blob, { zstdWindow: limit }, 3);
      if (window <= limit) {
        expect(await read).toEqual(b);
      } else {
        await expect(read).rejects.toMatchObject({
          code: 'LAYER_LIMIT',
          message: `inflating the layer: found a frame of zstd that wants a window of ${window} bytes, wanted at most ${limit} (the limit zstdWindow, to be raised for an image you trust)`,
          hint: `osv-convert pull --limit zstdWindow=${Math.max(window, 2 * limit)} IMAGE`,
        });
      }
    }
  });

  test('counts as the window of a single segment what comes out of it', async () => {
    for (const size of [200, 300, 70_000]) {
      const blob = zstdFrame(Buffer.alloc(size, 'x'));
      await expect(inflated(blob, { zstdWindow: size - 1 })).rejects.toThrow(`window of ${size} `);
      expect(await inflated(blob, { zstdWindow: Math.max(size, 1024) })).toHaveLength(size);
    }
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
    await expect(collect(inflateWithProgram(pieces(zstdFrame(a), 1000), 27))).rejects.toMatchObject(
      {
        code: 'ENOENT',
      },
    );
  } finally {
    process.env['PATH'] = path;
  }
});

const usual = 27;

describe.each(ways)('$name', ({ way }) => {
  test.each([
    ['one frame', zstdFrame(both)],
    ['two frames', Buffer.concat([zstdFrame(a), zstdFrame(b)])],
    [
      'frames between skippable ones',
      Buffer.concat([skippable, zstdFrame(a), skippable, zstdFrame(b), skippable]),
    ],
  ])('gives the bytes when the stream is %s', async (_, blob) => {
    expect((await collect(way(pieces(blob, 777), usual))).equals(both)).toBe(true);
    expect((await collect(way(pieces(blob, 2 ** 22), usual))).equals(both)).toBe(true);
  });

  test('gives every byte when frames end where its buffers do', async () => {
    const frame = zstdFrame(Buffer.alloc(2 ** 18, 'x'));
    const bytes = await collect(way(pieces(Buffer.concat([frame, frame, frame]), 2 ** 20), usual));
    expect(bytes.equals(Buffer.alloc(3 * 2 ** 18, 'x'))).toBe(true);
  });

  test.each([
    ['is cut off', zstdFrame(a).subarray(0, -3)],
    ['is cut off in its second frame', Buffer.concat([zstdFrame(b), zstdFrame(a).subarray(0, 50)])],
    ['has garbage behind', Buffer.concat([zstdFrame(a), Buffer.from('garbage!')])],
    ['does not begin as zstd', patched(zstdFrame(a), 0)],
  ])('fails as LAYER_CORRUPT when the stream %s', async (_, blob) => {
    const read = collect(way(wholeFrames(pieces(blob, 777), defaultLimits), usual));
    await expect(read).rejects.toMatchObject({ code: 'LAYER_CORRUPT' });
  });

  test.runIf(program)('takes a window above the usual one when it may', async () => {
    const options = { input: Buffer.alloc(1000, 'w'), maxBuffer: 2 ** 20 };
    const blob = execFileSync('zstd', ['--long=28', '--stdout', '--no-content-size'], options);
    expect(await collect(way(pieces(blob, 1000), 28))).toEqual(Buffer.alloc(1000, 'w'));
  });

  test('passes on the failure of its source', async () => {
    const broken = async function* () {
      yield zstdFrame(a).subarray(0, 100);
      throw new StoreError('DIGEST_MISMATCH', 'the source failed');
    };
    await expect(collect(way(broken(), usual))).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });
});

function patched(bytes: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const index = at < 0 ? copy.length + at : at;
  copy[index] = (copy[index] ?? 0) ^ 0xff;
  return copy;
}
