import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { olderOf, openConsole } from '../../../src/machines/console-files.ts';
import { keepScript, leastKept } from '../../../src/machines/keep-script.ts';
import { readLog } from '../../../src/machines/logs.ts';
import { parseMachineId } from '../../../src/machines/machine-id.ts';
import { tailOf } from '../../../src/machines/read-end.ts';
import { type MachineRecord, writeRecord } from '../../../src/machines/record.ts';
import { myself } from '../../../store/processes.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'osv-convert-console-'));
});

afterEach(() => rm(folder, { recursive: true }));

const limit = leastKept;

/** A shell that keeps the last of its stdin. */
function keeper() {
  const script = `${keepScript} keep log ${limit}`;
  const shell = spawn('/bin/sh', ['-c', script], {
    cwd: folder,
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  return { stdin: shell.stdin, ended: once(shell, 'exit') };
}

const kept = async (): Promise<Buffer> => {
  const files = openConsole(folder, 'log');
  const view = await files.look();
  const bytes = await view.read(0, view.size);
  await files.close();
  return bytes;
};

/** All bytes there are, so that one that is lost, changed or moved shows. */
function pattern(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8) * 13) & 0xff));
}

describe('keep', () => {
  it.each([0, 1, 4096, limit / 2])('copies %i bytes as they are', async (length) => {
    const { stdin, ended } = keeper();
    stdin.end(pattern(length));
    expect(await ended).toEqual([0, null]);
    expect((await kept()).equals(pattern(length))).toBe(true);
    expect(await readdir(folder)).toEqual(['log']);
  });

  it('keeps the newest of what is more than there is room for, and no file is longer than it may be', async () => {
    const all = pattern(9 * limit + 12_345);
    const { stdin, ended } = keeper();
    let longest = 0;
    for (let at = 0; at < all.length; at += 9999) {
      if (!stdin.write(all.subarray(at, at + 9999))) await once(stdin, 'drain');
      longest = Math.max(
        longest,
        (await stat(join(folder, 'log')).catch(() => undefined))?.size ?? 0,
      );
    }
    stdin.end();
    expect(await ended).toEqual([0, null]);
    const bytes = await kept();
    expect(bytes.equals(all.subarray(-bytes.length))).toBe(true);
    expect(bytes.length).toBeGreaterThanOrEqual((limit / 4) * 3);
    expect(longest).toBeLessThanOrEqual(limit);
    expect((await stat(join(folder, 'log.1'))).size).toBeLessThanOrEqual(limit);
    expect((await readdir(folder)).sort()).toEqual(['log', 'log.1']);
  });

  it('writes a byte when it comes, and ends when its folder is gone', async () => {
    const { stdin, ended } = keeper();
    stdin.write('a');
    await expect.poll(kept).toEqual(Buffer.from('a'));
    stdin.write('b');
    await expect.poll(kept).toEqual(Buffer.from('ab'));
    await rm(folder, { recursive: true });
    await mkdir(folder);
    stdin.on('error', () => undefined).write(pattern(3 * limit));
    await ended;
  });
});

describe('tailOf', () => {
  it('reads on in the older file', async () => {
    await appendFile(join(folder, 'log.1'), pattern(100_000));
    await appendFile(join(folder, 'log'), 'end');
    const tail = await tailOf(folder, 'log');
    const all = Buffer.concat([pattern(100_000), Buffer.from('end')]);
    expect(tail.equals(all.subarray(-65_536))).toBe(true);
    expect(await tailOf(folder, 'none')).toEqual(Buffer.of());
  });
});

describe('readLog', () => {
  const id = parseMachineId('web');

  /** A machine that is being created as long as this process lives. */
  async function machine() {
    const record: MachineRecord = {
      ...{ version: 1, id, creator: await myself() },
      ...{ source: 'x', annotations: {}, hooks: {} },
    };
    await mkdir(join(folder, id));
    await writeRecord(join(folder, id), record);
    return join(folder, id, 'console.log');
  }

  const turn = async (path: string) => await rename(path, olderOf(path));

  it('follows a console whose files are moved, and misses nothing that is kept', async () => {
    const path = await machine();
    const quit = new AbortController();
    let text = '';
    const reading = (async () => {
      for await (const piece of readLog(folder, id, { follow: true, signal: quit.signal }))
        text += Buffer.from(piece).toString();
    })().catch(() => undefined);
    const seen = async (wanted: string) => await expect.poll(() => text).toBe(wanted);
    await appendFile(path, 'one ');
    await seen('one ');
    await appendFile(path, 'two ');
    await turn(path);
    await seen('one two ');
    await appendFile(path, 'three ');
    await seen('one two three ');
    await appendFile(path, 'four ');
    await turn(path);
    await appendFile(path, 'five ');
    await seen('one two three four five ');
    quit.abort();
    await reading;
    expect(await readFile(olderOf(path), 'utf8')).toBe('three four ');
  });

  it('counts lines back into the older file', async () => {
    const path = await machine();
    await appendFile(path, 'a\nb\nc');
    await turn(path);
    await appendFile(path, 'd\ne\n');
    const tail = async (count: number) => {
      let text = '';
      for await (const piece of readLog(folder, id, { follow: false, tail: count }))
        text += Buffer.from(piece).toString();
      return text;
    };
    expect(await tail(1)).toBe('e\n');
    expect(await tail(2)).toBe('cd\ne\n');
    expect(await tail(3)).toBe('b\ncd\ne\n');
    expect(await tail(9)).toBe('a\nb\ncd\ne\n');
    expect(await tail(0)).toBe('');
  });
});
