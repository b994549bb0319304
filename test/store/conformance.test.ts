import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { nodeFiles } from '../../store/files/node.ts';
import { createMemoryFiles, type OpenStoreOptions, openStore } from '../../store/index.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import type { Ground } from './conformance/ground.ts';
import { conformance } from './conformance.ts';

const root = temporaryFolder('conformance');

let count = 0;

function onDisk(): Ground {
  count += 1;
  return groundOf(join(root, `store-${count}`), nodeFiles);
}

function inMemory(): Ground {
  return groundOf('/memory', createMemoryFiles());
}

function groundOf(dir: string, files: Ground['files']): Ground {
  return {
    files,
    dir,
    open: (options: OpenStoreOptions = {}) => openStore(dir, { ...options, files }),
  };
}

describe.each([
  ['on disk', onDisk],
  ['in memory', inMemory],
] as const)('a store %s', (_, createGround) => {
  test.each(conformance.map(({ name, check }) => [name, check] as const))('%s', (_, check) =>
    check(createGround()),
  );
});

test('every behaviour has a name of its own', () => {
  expect(new Set(conformance.map(({ name }) => name)).size).toBe(conformance.length);
  expect(conformance.length).toBeGreaterThanOrEqual(60);
});
