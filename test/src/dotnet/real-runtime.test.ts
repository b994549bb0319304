import { describe, expect, test } from 'vitest';
import { chooseRuntime } from '../../../src/dotnet/choose.ts';
import { filesOfTree } from '../../../src/dotnet/files.ts';
import { planLibraries } from '../../../src/dotnet/libraries.ts';
import { planPack } from '../../../src/dotnet/pack.ts';
import { packTar } from '../../../src/dotnet/pack-tar.ts';
import { listTar, real } from './host-runtimes.ts';
import { describeImage, noContents, published, treeOf } from './image-builder.ts';

const reason = real === undefined ? ' (left out: no ASP.NET Core 10 is installed here)' : '';

describe.skipIf(real === undefined)(`the .NET of this machine${reason}`, () => {
  test('serves a real ASP.NET Core app and is packed with its libraries', async () => {
    const image = published('web');
    const app = describeImage(image, { Entrypoint: ['dotnet', 'web.dll'], WorkingDir: '/app' });
    const tree = treeOf(image);
    const chosen = chooseRuntime(app, tree, noContents, { source: 'auto', hostEnv: process.env });
    expect(chosen).toMatchObject({ from: 'host', path: real?.path, root: '/usr/share/dotnet' });
    expect(chosen?.frameworks.map(({ name }) => name)).toEqual([
      'Microsoft.AspNetCore.App',
      'Microsoft.NETCore.App',
    ]);
    const { added, missing } = planLibraries(app, chosen, filesOfTree(tree, noContents));
    expect(added.map(({ soname }) => soname)).toEqual(
      expect.arrayContaining(['libgcc_s.so.1', 'libstdc++.so.6']),
    );
    expect(missing).toEqual([]);
    const plan = planPack(chosen, added);
    if (plan === undefined) {
      throw new Error('nothing to pack');
    }
    const listed = await listTar(packTar(plan));
    expect(listed.entries).toHaveLength(plan.entries.length);
    expect(listed.size).toBeGreaterThan(plan.size);
    expect(plan.size).toBeGreaterThan(50e6);
  });
});
