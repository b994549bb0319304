import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { top } from '../support/top.ts';
import { targetNames } from './targets.ts';

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function fuzz(...args: readonly string[]): Promise<Run> {
  const script = join(top, 'dist/test/fuzz/fuzz.js');
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [script, ...args])) };
  } catch (error) {
    return error as Run;
  }
}

describe('fuzz', () => {
  test('finds nothing when every target has a hundred cases, the same ones in every run', async () => {
    const { code, stdout, stderr } = await fuzz(
      '--limit',
      '60',
      '--cases',
      '100',
      '--seconds',
      '1000',
    );
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/accepted [1-9]/);
    expect(lines.map((line) => line.split(' cases', 1)[0])).toEqual(
      targetNames.map((name) => `${name}: 100`),
    );
    for (const line of lines) {
      expect(line).toMatch(/(_(CORRUPT|INVALID)|refused) [1-9]/);
    }
  });

  test.each([
    ['broken-throw', '60', 'TypeError: not an error of ours'],
    ['broken-hang', '1', 'no end after 1 s'],
    ['broken-wait', '1', 'no end after 1 s'],
    ['broken-heap', '60', 'ERR_WORKER_OUT_OF_MEMORY'],
    ['broken-memory', '60', 'MiB of memory'],
  ])('tells case and input, and fails, when a parser is %s', async (name, limit, reason) => {
    const { code, stderr } = await fuzz('--limit', limit, '--cases', '50', '--seed', '3', name);
    expect(code).toBe(1);
    expect(stderr).toContain(`FAILED: ${name} --seed 3 --case 19`);
    expect(stderr).toContain(reason);
    const [, file = ''] = /input in (.*)/.exec(stderr) ?? [];
    expect(readFileSync(file, 'utf8')).toMatch(/^\d+$/);
    rmSync(dirname(file), { recursive: true });
  });
});
