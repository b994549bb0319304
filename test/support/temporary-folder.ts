import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aroundAll, beforeEach } from 'vitest';

/**
 * The path of a folder of the tests beside the call, in a file or a `describe`. It is made, empty,
 * before any hook of theirs and removed after the last, whatever of them fails; none is made for
 * tests that are all skipped. So nothing can be put into it before a hook or a test runs.
 */
export function temporaryFolder(name: string): string {
  const folder = join(tmpdir(), `osv-convert-${name}-${randomBytes(4).toString('hex')}`);
  aroundAll(async (runTests) => {
    await mkdir(folder, { mode: 0o700 });
    try {
      await runTests();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
  return folder;
}

/** Tells the running test a path of its own, at which nothing is yet, in a temporary folder. */
export function temporaryPath(name: string): () => string {
  const folder = temporaryFolder(name);
  let count = 0;
  beforeEach(() => {
    count += 1;
  });
  return () => join(folder, `${name}-${count}`);
}
