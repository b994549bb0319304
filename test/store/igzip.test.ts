import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../store/files/node.ts';
import { defaultLimits } from '../../store/index.ts';
import { inflateWithIgzip, mostInflated } from '../../store/inflate/igzip.ts';
import { findIgzip } from '../../store/inflate/igzip-program.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'osv-convert-igzip-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const program = findIgzip(process.env['PATH'] ?? '');
if (program === undefined) console.log('skipped: igzip is not installed (Debian: isal)');

async function* pieces(bytes: Uint8Array, length = 100_000) {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

/** What comes out, and what is in the file then. */
async function inflated(packed: Uint8Array, mostBytes = 2 ** 30, igzip = program ?? '') {
  const path = join(folder, 'out');
  const file = nodeFiles.create(path);
  const signal = new AbortController().signal;
  const given: Uint8Array[] = [];
  try {
    const job = { program: igzip, file, mostBytes, signal };
    for await (const chunk of inflateWithIgzip(pieces(packed), job)) given.push(Buffer.from(chunk));
  } finally {
    file.close();
  }
  return { given: Buffer.concat(given), file: readFileSync(path) };
}

/** It is told of its end, or of the input that it no longer took. */
const itsEnd = /^igzip ended with|EPIPE/;

describe.skipIf(program === undefined)('inflateWithIgzip', () => {
  const plain = Buffer.concat([randomBytes(3_000_000), Buffer.alloc(9_000_000)]);
  const packed = gzipSync(plain);

  test.each([
    ['one member', packed, plain],
    ['two members', Buffer.concat([packed, packed]), Buffer.concat([plain, plain])],
    ['bytes behind the last member', Buffer.concat([packed, randomBytes(999)]), plain],
    ['nothing in it', gzipSync(''), Buffer.alloc(0)],
  ])('gives what it writes to the file when there is %s', async (_, bytes, wanted) => {
    const { given, file } = await inflated(bytes);
    expect(given.equals(wanted)).toBe(true);
    expect(file.equals(wanted)).toBe(true);
  });

  test.each([
    ['are cut off', packed.subarray(0, -100)],
    ['are no gzip', randomBytes(10_000)],
  ])('throws when the data %s', async (_, bytes) => {
    await expect(inflated(bytes)).rejects.toThrow(itsEnd);
  });

  test('throws, and writes no more than it may, when too much comes out', async () => {
    await expect(inflated(packed, 5_000_000)).rejects.toThrow(itsEnd);
    const { length } = readFileSync(join(folder, 'out'));
    expect(length).toBeGreaterThan(4_000_000);
    expect(length).toBeLessThan(5_000_000 + 512);
  });
});

test('inflateWithIgzip throws when the program cannot be started', async () => {
  await expect(inflated(gzipSync('a'), 2 ** 20, join(folder, 'none'))).rejects.toThrow(itsEnd);
});

test('mostInflated is what the ratio, its floor and the size of a layer allow', () => {
  const limits = { ...defaultLimits, ratio: 10, ratioFloor: 1000, layerSize: 5000 };
  expect([50, 200, 600].map((size) => mostInflated(size, limits))).toEqual([1000, 2000, 5000]);
});

describe('findIgzip', () => {
  const put = (name: string, mode: number): string => {
    mkdirSync(join(folder, name));
    const path = join(folder, name, 'igzip');
    writeFileSync(path, '');
    chmodSync(path, mode);
    return path;
  };

  test('finds the first that is a file and may be run', () => {
    mkdirSync(join(folder, 'folder', 'igzip'), { recursive: true });
    put('text', 0o644);
    const found = put('first', 0o755);
    put('second', 0o755);
    const names = ['missing', 'folder', 'text', 'first', 'second'];
    expect(findIgzip(names.map((name) => join(folder, name)).join(':'))).toBe(found);
  });

  test('finds none when anyone may write it', () => {
    put('open', 0o757);
    expect(findIgzip(join(folder, 'open'))).toBeUndefined();
  });

  test('finds none when the folder is not named in full', () => {
    put('here', 0o755);
    expect(findIgzip(join(folder, 'here'))).toBeDefined();
    expect(findIgzip(relative(process.cwd(), join(folder, 'here')))).toBeUndefined();
    expect(findIgzip(':.:')).toBeUndefined();
  });
});
