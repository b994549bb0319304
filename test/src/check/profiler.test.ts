import { describe, expect, test } from 'vitest';
import { checkEnvironment } from '../../../src/check/environment.ts';

const osv = { origin: 'osv', reason: 'OSv needs it' } as const;
const set = (name: string) => [{ name, value: '0', ...osv }];
const asked = new Map([['CORECLR_ENABLE_PROFILING', '1']]);

describe('checkEnvironment', () => {
  test.each(['DOTNET_EnableDiagnostics', 'COMPlus_EnableDiagnostics'])(
    'tells of a profiler that %s turns off',
    (name) => {
      expect(checkEnvironment(set(name), asked)).toEqual([
        {
          rule: 'profiler-lost',
          severity: 'note',
          evidence: { found: 'the image sets CORECLR_ENABLE_PROFILING=1' },
          consequence: `no profiler is loaded, and what it would trace or measure is lost: ${name}=0 is set, which turns profilers off`,
          fix: 'trace and measure in the code of the app, such as by the packages of OpenTelemetry',
        },
      ]);
    },
  );

  test.each([
    [
      'none is asked for',
      set('DOTNET_EnableDiagnostics'),
      new Map([['CORECLR_ENABLE_PROFILING', '0']]),
    ],
    [
      'the user insists on diagnostics',
      [{ name: 'DOTNET_EnableDiagnostics', value: '1', origin: 'user' } as const],
      asked,
    ],
    ['another setting is off', set('DOTNET_LTTng'), asked],
  ])('tells of no profiler when %s', (_, entries, given) => {
    expect(checkEnvironment(entries, given)).toEqual([]);
  });
});
