import { describe, expect, test } from 'vitest';
import { checkCalls } from '../../../src/check/calls.ts';
import { scan } from '../../../src/check/scan.ts';
import { isUsuallyWritable } from '../../../src/check/writable.ts';

function found(name: string, isLibrary: boolean): readonly string[] {
  const assembly = {
    name: 'app',
    version: '1.0.0.0',
    machine: 0x14c,
    readyToRun: 'no',
    references: [],
    types: [],
    members: [{ type: 'System.Diagnostics.Process', name, signature: new Uint8Array() }],
    imports: [],
  } as const;
  const guest = { major: 10, env: new Map(), isWritable: isUsuallyWritable };
  const { used } = scan([{ file: '/app/app.dll', assembly, isLibrary }]);
  return checkCalls(used, guest).map(({ rule, severity }) => `${severity} ${rule}`);
}

describe('checkCalls', () => {
  test.each(['get_MainModule', 'get_Modules'])(
    'warns of %s, and of a library makes a note',
    (name) => {
      expect(found(name, false)).toEqual(['warning process-modules']);
      expect(found(name, true)).toEqual(['note process-modules']);
    },
  );

  test('has nothing against what else is asked of a process', () => {
    expect(found('get_WorkingSet64', false)).toEqual([]);
  });
});
