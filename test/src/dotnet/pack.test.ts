import { rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ChosenRuntime, requireDotnetFolder } from '../../../src/dotnet/choose.ts';
import { hostFiles } from '../../../src/dotnet/host-files.ts';
import { planPack } from '../../../src/dotnet/pack.ts';
import { packTar } from '../../../src/dotnet/pack-tar.ts';
import { asks, choose, listTar, writeFiles } from './host-runtimes.ts';
import { failureOf, runtime } from './image-builder.ts';

describe('planPack and packTar', () => {
  const chosenAt = (path: string): ChosenRuntime | undefined =>
    choose(asks('8.0.0'), {}, { folder: requireDotnetFolder(path, 'x64') });

  test('change the key when a file changes that keeps its name, size and time', () => {
    const folder = writeFiles('pack-again', runtime({ core: ['8.0.9'] }, { root: '' }));
    const before = planPack(chosenAt(folder), []);
    const file = join(folder, 'shared/Microsoft.NETCore.App/8.0.9/System.Private.CoreLib.dll');
    writeFileSync(file, 'ZM');
    utimesSync(file, 1e9, 1e9);
    expect(planPack(chosenAt(folder), [])?.key).not.toBe(before?.key);
  });

  test('give two folders keys of their own, whose files may differ under the same name, size and time', () => {
    const files = runtime({ core: ['8.0.9'] }, { root: '' });
    const [first, second] = [writeFiles('pack-c', files), writeFiles('pack-d', files)];
    expect(planPack(chosenAt(first), [])?.key).not.toBe(planPack(chosenAt(second), [])?.key);
  });

  test('pack the same files of two hosts into the same bytes, sorted, root-owned and of no time', async () => {
    const files = {
      ...runtime({ core: ['8.0.9', '6.0.1'] }, { root: '' }),
      '/LICENSE.txt': 'not packed',
    };
    const [first, second] = [writeFiles('pack-a', files), writeFiles('pack-b', files)];
    utimesSync(join(second, 'dotnet'), 2e9, 2e9);
    const library = {
      soname: 'libz.so.1',
      from: 'host',
      files: hostFiles,
      path: join(first, 'host/fxr/8.0.9/libhostfxr.so'),
    } as const;
    const [a, b] = [planPack(chosenAt(first), [library]), planPack(chosenAt(second), [library])];
    if (a === undefined || b === undefined) {
      throw new Error('nothing to pack');
    }
    expect(a.key).not.toBe(b.key);
    expect(a.key).toBe(planPack(chosenAt(first), [library])?.key);
    const listed = await listTar(packTar(a));
    expect((await listTar(packTar(b))).digest).toBe(listed.digest);
    expect(listed.entries.map(({ path }) => path)).toEqual([
      'usr/',
      'usr/bin/',
      'usr/bin/dotnet',
      'usr/lib/',
      'usr/lib/libz.so.1',
      'usr/share/',
      'usr/share/dotnet/',
      'usr/share/dotnet/dotnet',
      'usr/share/dotnet/host/',
      'usr/share/dotnet/host/fxr/',
      'usr/share/dotnet/host/fxr/8.0.9/',
      'usr/share/dotnet/host/fxr/8.0.9/libhostfxr.so',
      'usr/share/dotnet/shared/',
      'usr/share/dotnet/shared/Microsoft.NETCore.App/',
      'usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.9/',
      ...[
        'Microsoft.NETCore.App.deps.json',
        'System.Private.CoreLib.dll',
        'libcoreclr.so',
        'libhostpolicy.so',
      ].map((name) => `usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.9/${name}`),
    ]);
    expect(listed.entries).toContainEqual(
      expect.objectContaining({
        path: 'usr/bin/dotnet',
        type: 'SymbolicLink',
        linkpath: '/usr/share/dotnet/dotnet',
        mode: 0o777,
      }),
    );
    expect(listed.entries).toContainEqual(
      expect.objectContaining({
        path: 'usr/share/dotnet/dotnet',
        type: 'File',
        mode: 0o755,
        uid: 0,
        time: 0,
      }),
    );
    expect(listed.entries).toContainEqual(
      expect.objectContaining({
        path: 'usr/share/dotnet/host/fxr/8.0.9/libhostfxr.so',
        mode: 0o644,
      }),
    );
  });

  test('are nothing when nothing comes from the host', () => {
    const chosen = choose(asks('8.0.0'), runtime({ core: ['8.0.4'] }), 'image');
    expect(planPack(chosen, [])).toBeUndefined();
    expect(planPack(undefined, [])).toBeUndefined();
  });

  test('stop when a file changes its size meanwhile or is gone', async () => {
    const root = writeFiles('changing', runtime({ core: ['8.0.9'] }, { root: '' }));
    const chosen = chosenAt(root);
    const plan = planPack(chosen, []);
    if (plan === undefined) {
      throw new Error('nothing to pack');
    }
    const file = join(root, 'shared/Microsoft.NETCore.App/8.0.9/System.Private.CoreLib.dll');
    writeFileSync(file, 'MZ and more');
    await expect(listTar(packTar(plan))).rejects.toMatchObject({
      code: 'RUNTIME_NOT_FOUND',
      message: expect.stringContaining('had 2 bytes'),
    });
    writeFileSync(file, '');
    await expect(listTar(packTar(plan))).rejects.toMatchObject({ code: 'RUNTIME_NOT_FOUND' });
    rmSync(join(root, 'dotnet'));
    expect(failureOf(() => planPack(chosen, []))).toMatchObject({ code: 'RUNTIME_NOT_FOUND' });
  });

  test('stop when told to', async () => {
    const plan = planPack(
      chosenAt(writeFiles('stopped', runtime({ core: ['8.0.9'] }, { root: '' }))),
      [],
    );
    if (plan === undefined) {
      throw new Error('nothing to pack');
    }
    await expect(listTar(packTar(plan, { signal: AbortSignal.abort() }))).rejects.toThrow(/abort/i);
  });
});
