import { describe, expect, test } from 'vitest';
import type { DotnetApp } from '../../src/dotnet/app.ts';
import { filesOfTree } from '../../src/dotnet/files.ts';
import { composeGuest } from '../../src/guest.ts';
import { openContents } from '../../src/tree/contents.ts';
import { editTree } from '../../src/tree/edit.ts';
import { directory, fileOfBytes } from '../../src/tree/nodes.ts';
import { buildElf } from './elf/elf-builder.ts';

const contents = openContents(new Map());
const root = '/usr/share/dotnet';

function guestOf(changes: Partial<DotnetApp>) {
  const paths = [
    '/app/web.dll',
    `${root}/dotnet`,
    '/usr/lib/libicuuc.so.72',
    '/usr/lib/libicui18n.so.72',
  ];
  const tree = editTree(
    { root: directory() },
    paths.map((path) => ({ op: 'set', path, node: fileOfBytes(buildElf({})) }) as const),
  );
  const app: DotnetApp = {
    kind: 'framework-dependent',
    architecture: 'x64',
    needsRuntime: true,
    executable: `${root}/dotnet`,
    launcher: 'muxer',
    assembly: '/app/web.dll',
    hostOptions: [],
    args: [],
    workingDirectory: '/app',
    env: new Map(),
    frameworks: [],
    aspnet: false,
    model: 'console',
    readyToRun: 'no',
    trimmed: false,
    invariantGlobalization: false,
    evidence: [],
    ...changes,
  };
  const runtime = {
    from: 'image',
    path: root,
    root,
    files: filesOfTree(tree, contents),
    hostfxr: '10.0.12',
    frameworks: [{ name: 'Microsoft.NETCore.App', version: '10.0.12' }],
    parts: ['dotnet'],
  } as const;
  const lacking = { missing: [], hasOpenssl: true };
  const runnable = { tree, runtime, origin: {}, added: [], libraries: [], lacking };
  return composeGuest(app, runnable, contents, undefined, {
    env: new Map(),
    reach: { keep: [], drop: [] },
  });
}

describe('composeGuest', () => {
  test('sets what the runtime needs that an app of an older version is rolled forward to', () => {
    const { env } = guestOf({ version: '3.1' });
    expect(env.get('DOTNET_EnableWriteXorExecute')).toBe('0');
    expect(env.get('DOTNET_USE_POLLING_FILE_WATCHER')).toBe('1');
    expect(env).toEqual(guestOf({ version: '10.0' }).env);
  });

  test('keeps libicu when the environment of the image overrules its config', () => {
    const name = 'DOTNET_SYSTEM_GLOBALIZATION_INVARIANT';
    const properties = new Map([['System.Globalization.Invariant', 'true']]);
    const asked = { version: '10.0', invariantGlobalization: true, properties };
    const libraries = (guest: ReturnType<typeof guestOf>) =>
      [...filesOfTree(guest.tree, contents).list('/usr/lib')].filter((file) =>
        file.startsWith('libicu'),
      );
    expect(libraries(guestOf(asked))).toEqual([]);
    const overruled = guestOf({ ...asked, env: new Map([[name, 'false']]) });
    expect(libraries(overruled)).toHaveLength(2);
    expect(overruled.env.get(name)).toBe('false');
  });
});
