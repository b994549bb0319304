import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach } from 'vitest';
import { diskFormats } from '../../../src/disk/formats.ts';
import { type WriteImageOptions, type WrittenDisk, writeDisk } from '../../../src/disk/output.ts';
import type { Segment } from '../../../src/disk/segment.ts';
import { openContents } from '../../../src/tree/contents.ts';
import { loadPackFrame } from '../../../store/index.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

export const kib = 1024;
export const mib = 2 ** 20;
export const gib = 2 ** 30;

const hasZstd = (await loadPackFrame()) !== undefined;
if (!hasZstd) console.warn('zstd-napi is not installed: compression with zstd is not tested');

/** Every way a disk can be written. */
export const ways: readonly (readonly [name: string, options: WriteImageOptions])[] = [
  ...diskFormats.map((format): [string, WriteImageOptions] => [format, { format }]),
  ['qcow2 with zlib', { format: 'qcow2', compression: 'zlib' }],
  ...(hasZstd
    ? [['qcow2 with zstd', { format: 'qcow2', compression: 'zstd' }] as [string, WriteImageOptions]]
    : []),
];

export interface Plan {
  readonly size: number;
  segments(): Iterable<Segment>;
}

/** Bytes at places; the rest is zeros. */
export function planOf(
  size: number,
  parts: readonly (readonly [offset: number, bytes: Buffer])[],
): Plan {
  const segments = parts.map(([offset, bytes]): Segment => {
    return { offset, length: bytes.length, source: { kind: 'bytes', bytes } };
  });
  return { size, segments: () => segments };
}

export function text(length: number, seed = 'a line of text, again and again\n'): Buffer {
  return Buffer.alloc(length, seed);
}

/** What a compressor can do nothing with. */
export function noise(length: number): Buffer {
  const random = seededRandom(length);
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
}

export const mixed = planOf(9 * mib + 512, [
  [0, text(512)],
  [65_536, noise(200 * kib)],
  [65_536 + 200 * kib, text(700 * kib)],
  [3 * mib + 1000, Buffer.of(1)],
  [5 * mib, text(64 * kib)],
  [5 * mib + 128 * kib, noise(64 * kib)],
  [9 * mib, text(512)],
]);

export function bytesOf({ size, segments }: Plan): Buffer {
  const disk = Buffer.alloc(size);
  for (const { offset, source } of segments()) {
    if (source.kind === 'bytes') disk.set(source.bytes, offset);
  }
  return disk;
}

export function sumOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export interface Disks {
  write(plan: Plan, name: string, options: WriteImageOptions): Promise<WrittenDisk>;
  /** The path of what `write` calls `name`. */
  out(name: string): string;
}

/** Where the tests beside the call write disks; each finds the folder empty. */
export function writtenDisks(): Disks {
  const folder = join(temporaryFolder('formats'), 'out');
  beforeEach(() => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
  });
  const contents = openContents(new Map());
  const out = (name: string): string => join(folder, name);
  return {
    out,
    write: (plan, name, options) => writeDisk(plan, out(name), { ...options, contents }),
  };
}
