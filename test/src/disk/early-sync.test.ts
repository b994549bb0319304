import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openOutputFile } from '../../../src/disk/output-file.ts';

type Done = (error: Error | null) => void;

/** What a disk was asked to keep early, each to be answered by the test; and what was closed meanwhile. */
const asked = vi.hoisted(() => ({ early: [] as Done[], closed: [] as number[] }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  return {
    ...fs,
    fdatasync: (_: number, done: Done) => asked.early.push(done),
    closeSync(fd: number) {
      asked.closed.push(fd);
      fs.closeSync(fd);
    },
  };
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'osv-convert-output-'));
  asked.early.length = 0;
  asked.closed.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true }));

const mebibyte = 2 ** 20;
const bytes = Buffer.alloc(mebibyte, 1);

function fill(file: ReturnType<typeof openOutputFile>, from: number, to: number): void {
  for (let at = from; at < to; at += 1) file.write(bytes, at * mebibyte);
}

test('a disk is asked once at a time, after each 16 MiB', async () => {
  const file = openOutputFile(join(folder, 'disk.raw'));
  fill(file, 0, 15);
  expect(asked.early).toHaveLength(0);
  fill(file, 15, 40);
  expect(asked.early).toHaveLength(1);
  asked.early[0]?.(null);
  await new Promise(setImmediate);
  fill(file, 40, 41);
  expect(asked.early).toHaveLength(2);
  asked.early[1]?.(null);
  expect((await file.commit()).bytes).toBe(41 * mebibyte);
});

test('what it failed to keep fails the file, though a later try may not tell', async () => {
  const file = openOutputFile(join(folder, 'disk.raw'));
  fill(file, 0, 16);
  asked.early[0]?.(Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' }));
  await expect(file.commit()).rejects.toMatchObject({
    code: 'OUTPUT_UNUSABLE',
    message: expect.stringContaining('EIO'),
  });
  file.discard();
  expect(readdirSync(folder)).toEqual([]);
});

test('a file that is discarded is closed when the disk is done with it', async () => {
  const file = openOutputFile(join(folder, 'disk.raw'));
  fill(file, 0, 16);
  file.discard();
  expect(readdirSync(folder)).toEqual([]);
  expect(asked.closed).toHaveLength(0);
  asked.early[0]?.(null);
  await new Promise(setImmediate);
  expect(asked.closed).toHaveLength(1);
});
