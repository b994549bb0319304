import { describe, expect, test } from 'vitest';
import { bootRank } from '../../../src/osv/boot-order.ts';

const shared = '/usr/share/dotnet/shared/Microsoft.NETCore.App/10.0.1';

function sorted(rank: (path: string) => number, paths: readonly string[]): readonly string[] {
  return [...paths].reverse().sort((a, b) => rank(a) - rank(b));
}

describe('bootRank', () => {
  test('puts host, runtime, app, frameworks and the rest one behind the other', () => {
    const order = [
      '/etc/fstab',
      '/usr/share/dotnet/dotnet',
      '/usr/lib/libstdc++.so.6',
      '/usr/share/dotnet/host/fxr/10.0.1/libhostfxr.so',
      '/app/web.runtimeconfig.json',
      `${shared}/Microsoft.NETCore.App.deps.json`,
      `${shared}/libhostpolicy.so`,
      '/app/web.deps.json',
      `${shared}/libcoreclr.so`,
      `${shared}/System.Private.CoreLib.dll`,
      `${shared}/libSystem.Native.so`,
      '/app/web.dll',
      `${shared}/System.Runtime.dll`,
      `${shared}/libclrjit.so`,
      '/app/wwwroot/index.html',
      '/usr/share/dotnet/shared/Microsoft.AspNetCore.App/10.0.1/Microsoft.AspNetCore.dll',
      `${shared}/System.Xml.dll`,
      '/usr/share/zoneinfo/UTC',
    ];
    const executable = '/usr/share/dotnet/dotnet';
    const rank = bootRank(executable, { assembly: '/app/web.dll', executable });
    expect(sorted(rank, order)).toEqual(order);
  });

  test('puts a program that is the whole app first, and what lies beside it next', () => {
    const rank = bootRank('/app/tool', { executable: '/app/tool' });
    const order = ['/etc/fstab', '/app/tool', '/app/data/seed.txt', '/usr/share/zoneinfo/UTC'];
    expect(sorted(rank, order)).toEqual(order);
  });

  test('takes the root for no app folder when the app lies in it', () => {
    const rank = bootRank('/tool', { executable: '/tool' });
    expect(rank('/etc/hosts')).toBe(rank('/usr/share/zoneinfo/UTC'));
    expect(rank('/tool')).toBeLessThan(rank('/etc/hosts'));
  });
});
