import { arch } from 'node:process';
import { expect, test } from 'vitest';
import { findLibrary } from '../../src/dotnet/closure.ts';
import { hostFilesFor } from '../../src/dotnet/host-files.ts';
import { areStamped } from '../../src/host-stamp.ts';

test('areStamped tells libraries of the usual folders from those a RUNPATH led to', () => {
  const files = hostFilesFor(arch === 'arm64' ? 'arm64' : 'x64');
  const platform = `linux/${arch === 'arm64' ? 'arm64' : 'amd64'}`;
  const library = findLibrary([{ from: 'host', files }], 'libc.so.6');
  if (library === undefined) throw new Error('this host has the C library');
  const elsewhere = { ...library, path: `/opt${library.path}` };
  expect(areStamped([library], platform)).toBe(true);
  expect(areStamped([library, elsewhere], platform)).toBe(false);
  expect(areStamped([{ ...elsewhere, from: 'reference' }], platform)).toBe(true);
});
