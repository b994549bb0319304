import { describe, expect, test } from 'vitest';
import { isInvariant } from '../../../src/dotnet/icu.ts';
import { onRuntime } from '../../../src/dotnet/on-runtime.ts';

const name = 'DOTNET_SYSTEM_GLOBALIZATION_INVARIANT';

function invariant(version: string, config: string | undefined, variable?: string): boolean {
  return isInvariant({
    kind: 'framework-dependent',
    version,
    invariantGlobalization: config?.toLowerCase() === 'true',
    env: new Map(variable === undefined ? [] : [[name, variable]]),
    properties: new Map(config === undefined ? [] : [['System.Globalization.Invariant', config]]),
  });
}

describe('isInvariant', () => {
  // Each row was seen of that version: whether `new CultureInfo("de-DE")` throws.
  test.each<[string, string, string, boolean]>([
    ['10.0.12', 'true', '0', false],
    ['10.0.12', 'true', 'False', false],
    ['10.0.12', 'false', 'true', true],
    ['9.0.20', 'true', '0', false],
    ['9.0.20', 'false', '1', true],
    ['8.0.31', 'true', '0', true],
    ['8.0.31', 'false', '1', false],
  ])(
    'is as .NET %s takes it when its config says %s and its environment %s',
    (version, config, variable, wanted) => {
      expect(invariant(version, config, variable)).toBe(wanted);
    },
  );

  test.each(['8.0', '9.0'])(
    'takes whichever of the two speaks when the other is silent, in %s',
    (version) => {
      expect(invariant(version, undefined)).toBe(false);
      expect(invariant(version, undefined, 'TRUE')).toBe(true);
      expect(invariant(version, 'True')).toBe(true);
      expect(invariant(version, 'true', 'perhaps')).toBe(true);
    },
  );

  test('is true of Native AOT without cultures whatever the environment says', () => {
    const app = { kind: 'native-aot', invariantGlobalization: true } as const;
    expect(isInvariant({ ...app, env: new Map([[name, 'false']]) })).toBe(true);
    expect(isInvariant({ ...app, invariantGlobalization: false, env: new Map() })).toBe(false);
  });
});

describe('onRuntime', () => {
  test('gives an app that is rolled forward the version it runs on', () => {
    const frameworks = [
      { name: 'Microsoft.AspNetCore.App', version: '9.9.9' },
      { name: 'Microsoft.NETCore.App', version: '10.0.12' },
    ];
    expect(onRuntime({ version: '3.1' }, { frameworks })).toEqual({ version: '10.0.12' });
  });

  test('leaves an app as it is when it brings its own runtime', () => {
    expect(onRuntime({ version: '8.0.1' }, undefined)).toEqual({ version: '8.0.1' });
  });
});
