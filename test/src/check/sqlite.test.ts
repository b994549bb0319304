import { describe, expect, test } from 'vitest';
import { checkCalls } from '../../../src/check/calls.ts';
import { scan } from '../../../src/check/scan.ts';
import { isUsuallyWritable } from '../../../src/check/writable.ts';

function found(reference: string, isLibrary = false): readonly string[] {
  const assembly = {
    name: 'app',
    version: '1.0.0.0',
    machine: 0x14c,
    readyToRun: 'no',
    references: ['System.Runtime', reference],
    types: [],
    members: [],
    imports: [],
  } as const;
  const { used } = scan([{ file: '/app/app.dll', assembly, isLibrary }]);
  const guest = { major: 10, env: new Map(), isWritable: isUsuallyWritable };
  return checkCalls(used, guest).map(({ rule, severity }) => `${severity} ${rule}`);
}

describe('checkCalls', () => {
  test('warns of the log of SQLite when Entity Framework makes databases', () => {
    expect(found('Microsoft.EntityFrameworkCore.Sqlite')).toEqual([
      'note writes-files',
      'warning sqlite-wal',
    ]);
  });

  test('does not when SQLite is used without it, or by a library', () => {
    expect(found('Microsoft.Data.Sqlite')).toEqual(['note writes-files']);
    expect(found('Microsoft.EntityFrameworkCore.Sqlite', true)).toEqual([]);
  });
});
